"""Starlette: the clean-up of an old connection, when the same client is back on a new one."""

import asyncio
import uuid
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


async def until_gone(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()


# --- sockets, and what is known of them, by the id that the client brings along


class Server:
    def __init__(self) -> None:
        self.sockets: dict[str, WebSocket] = {}
        self.metadata: dict[str, dict[str, Any]] = {}

    def add(self, sid: str, websocket: WebSocket) -> None:
        self.sockets.pop(sid, None)
        self.sockets[sid] = websocket
        self.metadata[sid] = {"features": []}

    def remove(self, sid: str) -> None:
        self.sockets.pop(sid, None)  # <- WSD406 sockets
        self.metadata.pop(sid, None)

    def remove_own(self, sid: str, websocket: WebSocket) -> None:
        if self.sockets.get(sid) is websocket:
            del self.sockets[sid]
            del self.metadata[sid]


careless, careful = Server(), Server()


async def sockets_bug(websocket: WebSocket) -> None:
    sid = websocket.query_params.get("clientId", "c1")
    await websocket.accept()
    careless.add(sid, websocket)
    try:
        await until_gone(websocket)
    finally:
        careless.remove(sid)


async def sockets_ok(websocket: WebSocket) -> None:
    sid = websocket.query_params.get("clientId", "c1")
    await websocket.accept()
    careful.add(sid, websocket)
    try:
        await until_gone(websocket)
    finally:
        careful.remove_own(sid, websocket)


# --- it looks whether the entry is its own, then saves the session, then deletes

drafts: dict[str, WebSocket] = {}
notes: dict[str, WebSocket] = {}


async def save(_: str) -> None:
    await asyncio.sleep(0.2)


async def draft_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    drafts["ann"] = websocket
    await until_gone(websocket)
    if drafts["ann"] is websocket:
        await save("ann")
        del drafts["ann"]  # <- WSD406 draft


async def draft_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    notes["ann"] = websocket
    await until_gone(websocket)
    await save("ann")
    if notes.get("ann") is websocket:
        del notes["ann"]


# --- a guest, who gives no name, gets one that nobody else has

active: dict[str, WebSocket] = {}
present: dict[str, WebSocket] = {}


async def guest_bug(websocket: WebSocket) -> None:
    user = websocket.query_params.get("user") or uuid.uuid4().hex
    await websocket.accept()
    active[user] = websocket
    await until_gone(websocket)
    active.pop(user, None)  # <- WSD406 guest


async def guest_ok(websocket: WebSocket) -> None:
    user = websocket.query_params.get("user") or uuid.uuid4().hex
    await websocket.accept()
    present[user] = websocket
    await until_gone(websocket)
    if present.get(user) is websocket:
        del present[user]


app = Starlette(
    routes=[
        WebSocketRoute("/sockets-bug", sockets_bug),
        WebSocketRoute("/sockets-ok", sockets_ok),
        WebSocketRoute("/guest-bug", guest_bug),
        WebSocketRoute("/guest-ok", guest_ok),
        WebSocketRoute("/draft-bug", draft_bug),
        WebSocketRoute("/draft-ok", draft_ok),
    ]
)
