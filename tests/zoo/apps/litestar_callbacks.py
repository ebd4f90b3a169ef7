"""Litestar: what a timer does when the client that it was set for has left."""

import asyncio
from contextlib import suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect

Socket = WebSocket[Any, Any, Any]

# --- a seat that is kept for a while; the twin's timer expects that somebody else has given it away

seats_bug: dict[str, Socket] = {}
seats_ok: dict[str, Socket] = {}


def give_away_bug(seat: str) -> None:
    del seats_bug[seat]  # <- WSD207 seat


def give_away_ok(seat: str) -> None:
    seats_ok.pop(seat, None)


async def sit(socket: Socket) -> None:
    with suppress(WebSocketDisconnect):
        while await socket.receive_text():
            pass


@websocket("/seat-bug")
async def seat_bug(socket: Socket) -> None:
    await socket.accept()
    seats_bug["12a"] = socket
    asyncio.get_running_loop().call_later(0.2, give_away_bug, "12a")
    await sit(socket)
    seats_bug.pop("12a", None)


@websocket("/seat-ok")
async def seat_ok(socket: Socket) -> None:
    await socket.accept()
    seats_ok["12a"] = socket
    asyncio.get_running_loop().call_later(0.2, give_away_ok, "12a")
    await sit(socket)
    seats_ok.pop("12a", None)


app = Litestar([seat_bug, seat_ok], openapi_config=None)
