"""Litestar: the clean-up of an old connection, when the same client is back on a new one."""

import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]

# --- the services of a client, which its old connection takes with it; the twin knows the last generation


class Store:
    def __init__(self) -> None:
        self.services: dict[str, list[Socket]] = {}
        self.generation: dict[str, int] = {}
        self.numbers = itertools.count(1)

    def register(self, client: str, socket: Socket) -> int:
        self.services[client] = [socket]
        self.generation[client] = next(self.numbers)
        return self.generation[client]

    def remove_client(self, client: str) -> None:
        self.services.pop(client, None)  # <- WSD406 services

    def remove_generation(self, client: str, number: int) -> None:
        if self.generation.get(client) == number:
            del self.services[client]
            del self.generation[client]


careless, careful = Store(), Store()


@asynccontextmanager
async def registered(socket: Socket) -> AsyncGenerator[None, None]:
    await socket.accept()
    careless.register("worker", socket)
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        careless.remove_client("worker")


@asynccontextmanager
async def registered_once(socket: Socket) -> AsyncGenerator[None, None]:
    await socket.accept()
    number = careful.register("worker", socket)
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        careful.remove_generation("worker", number)


@websocket_listener("/services-bug", connection_lifespan=registered)
async def services_bug(data: str) -> str:
    return data


@websocket_listener("/services-ok", connection_lifespan=registered_once)
async def services_ok(data: str) -> str:
    return data


# --- a seat that is given back when the client says goodbye, and refused until then

taken: set[str] = set()
seats: set[str] = set()


@websocket("/seat-bug")
async def seat_bug(socket: Socket) -> None:
    await socket.accept()
    if "12A" in taken:
        await socket.close(4009, "somebody sits there")
        return
    taken.add("12A")  # <- WSD406 seat
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect as left:
        if left.code == 1000:
            taken.discard("12A")


@websocket("/seat-ok")
async def seat_ok(socket: Socket) -> None:
    """Somebody who is not known to be gone keeps the seat."""
    await socket.accept()
    if "12A" in seats:
        await socket.close(4009, "somebody sits there")
        return
    seats.add("12A")
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        seats.discard("12A")


# --- a guest, who gives no name, is not kept

guests: dict[str, Socket] = {}
members: dict[str, Socket] = {}


@websocket("/guest-bug")
async def guest_bug(socket: Socket, user: str | None = None) -> None:
    await socket.accept()
    if user is not None:
        guests[user] = socket
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
    if user is not None:
        guests.pop(user, None)  # <- WSD406 guest


@websocket("/guest-ok")
async def guest_ok(socket: Socket, user: str | None = None) -> None:
    await socket.accept()
    if user is not None:
        members[user] = socket
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()
    if user is not None and members.get(user) is socket:
        del members[user]


app = Litestar([services_bug, services_ok, seat_bug, seat_ok, guest_bug, guest_ok])
