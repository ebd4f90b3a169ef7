"""Starlette: who is in a room leaves it in an ``__aexit__`` that waits; places that are given back."""

import asyncio
from contextlib import suppress
from itertools import count
from typing import Any

import anyio
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

WS_1000_NORMAL_CLOSURE = 1000

# --- a member of a room; the twin's farewell is shielded by a scope of its own

members_bug: set[str] = set()
members_ok: set[str] = set()
numbers = count()


class MemberBug:
    def __init__(self, name: str) -> None:
        self.name = name

    async def __aenter__(self) -> None:
        members_bug.add(self.name)

    async def __aexit__(self, *_: object) -> None:
        await asyncio.sleep(0.01)  # <- WSD206 room
        members_bug.remove(self.name)


class MemberOk(MemberBug):
    async def __aenter__(self) -> None:
        members_ok.add(self.name)

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            await asyncio.sleep(0.01)
            members_ok.remove(self.name)


async def talk(websocket: WebSocket, member: MemberBug) -> None:
    async with member:
        with suppress(WebSocketDisconnect, OSError):
            await greet(websocket, member.name)


async def greet(websocket: WebSocket, name: str) -> None:
    while True:
        await websocket.send_text(f"hello {name}")
        await asyncio.sleep(1)


async def room(websocket: WebSocket, member: MemberBug) -> None:
    await websocket.accept()
    async with anyio.create_task_group() as group:
        group.start_soon(talk, websocket, member)
        try:
            while True:
                await websocket.receive_text()
        except WebSocketDisconnect:
            group.cancel_scope.cancel()


async def room_bug(websocket: WebSocket) -> None:
    await room(websocket, MemberBug(f"member {next(numbers)}"))


async def room_ok(websocket: WebSocket) -> None:
    await room(websocket, MemberOk(f"member {next(numbers)}"))


# --- places at a table, taken and given back by an object; the bug's only if the goodbye was sent


class Table:
    def __init__(self) -> None:
        self.free = 4
        self.served = 0

    def take(self) -> None:
        self.free -= 1  # <- WSD305 table
        self.served += 1

    def leave(self) -> None:
        self.free += 1


table_bug, table_ok = Table(), Table()


async def table_bug_endpoint(websocket: WebSocket) -> None:
    await websocket.accept()
    table_bug.take()
    try:
        while await websocket.receive_text():
            await websocket.send_text("served")
    except WebSocketDisconnect as left:
        if left.code == WS_1000_NORMAL_CLOSURE:
            table_bug.leave()


async def table_ok_endpoint(websocket: WebSocket) -> None:
    await websocket.accept()
    table_ok.take()
    try:
        while await websocket.receive_text():
            await websocket.send_text("served")
    except WebSocketDisconnect:
        pass
    table_ok.leave()


ENDPOINTS: dict[str, Any] = {
    "/room-bug": room_bug,
    "/room-ok": room_ok,
    "/table-bug": table_bug_endpoint,
    "/table-ok": table_ok_endpoint,
}

app = Starlette(routes=[WebSocketRoute(path, endpoint) for path, endpoint in ENDPOINTS.items()])
