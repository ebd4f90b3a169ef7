"""The remedies of WSD406 for Litestar, in an application: each connection takes out its own entry."""

from collections import defaultdict
from contextlib import suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

active: dict[str, WebSocket[Any, Any, Any]] = {}
connections: defaultdict[str, set[WebSocket[Any, Any, Any]]] = defaultdict(set)


async def read(socket: WebSocket[Any, Any, Any]) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            await socket.receive_text()


@websocket("/inbox")
async def inbox(socket: WebSocket[Any, Any, Any]) -> None:
    user = str(socket.query_params.get("user", "ann"))
    await socket.accept()
    active[user] = socket
    try:
        await read(socket)
    finally:
        if active.get(user) is socket:
            del active[user]


@websocket("/feed")
async def feed(socket: WebSocket[Any, Any, Any]) -> None:
    user = str(socket.query_params.get("user", "ann"))
    await socket.accept()
    connections[user].add(socket)
    try:
        await read(socket)
    finally:
        connections[user].discard(socket)
        if not connections[user]:
            del connections[user]


app = Litestar([inbox, feed])
