"""Litestar: who is there is kept by a name. ``# <-`` and a route: what its clients leave there for ever."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from litestar import Litestar, WebSocket, websocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]

by_name: dict[str, Socket] = {}  # <- /path-bug/{user:str}
by_id: dict[UUID, Socket] = {}  # <- /listener-bug/{user:uuid}
by_client: dict[str, Socket] = {}  # <- /query-bug


async def until_gone(socket: Socket) -> None:
    try:
        while True:
            await socket.receive_text()
    except WebSocketDisconnect:
        pass


@websocket("/path-bug/{user:str}")
async def path_bug(socket: Socket, user: str) -> None:
    await socket.accept()
    by_name[user] = socket
    await until_gone(socket)


@websocket("/path-ok/{user:str}")
async def path_ok(socket: Socket, user: str) -> None:
    await socket.accept()
    by_name[user] = socket
    try:
        await until_gone(socket)
    finally:
        by_name.pop(user, None)


@websocket("/query-bug")
async def query_bug(socket: Socket) -> None:
    await socket.accept()
    by_client[socket.query_params.get("client", "c1")] = socket
    await until_gone(socket)


@websocket("/query-ok")
async def query_ok(socket: Socket) -> None:
    client = socket.query_params.get("client", "c1")
    await socket.accept()
    by_client[client] = socket
    try:
        await until_gone(socket)
    finally:
        by_client.pop(client, None)


@asynccontextmanager
async def kept(socket: Socket) -> AsyncGenerator[None, None]:
    await socket.accept()
    by_id[socket.path_params["user"]] = socket
    with suppress(WebSocketDisconnect):
        yield


@asynccontextmanager
async def kept_for_a_while(socket: Socket) -> AsyncGenerator[None, None]:
    await socket.accept()
    by_id[socket.path_params["user"]] = socket
    try:
        with suppress(WebSocketDisconnect):
            yield
    finally:
        by_id.pop(socket.path_params["user"], None)


@websocket_listener("/listener-bug/{user:uuid}", connection_lifespan=kept)
async def listener_bug(data: str, user: UUID) -> None:
    pass


@websocket_listener("/listener-ok/{user:uuid}", connection_lifespan=kept_for_a_while)
async def listener_ok(data: str, user: UUID) -> None:
    pass


app = Litestar(
    [path_bug, path_ok, query_bug, query_ok, listener_bug, listener_ok], openapi_config=None
)
