"""Handshakes that Litestar refuses, or that fail, and what they leave behind."""

from collections.abc import AsyncGenerator

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import NotAuthorizedException, ValidationException

checked_out: list[str] = []
waiting: set[WebSocket] = set()


async def connection() -> AsyncGenerator[str, None]:
    checked_out.append("db")
    yield "db"
    checked_out.pop()


@websocket("/dependency", dependencies={"db": connection})
async def rows(socket: WebSocket, db: str, limit: int) -> None:
    await socket.accept()
    await socket.send_text(f"{limit} rows of {db}")
    await socket.close()


@websocket("/token")
async def token(socket: WebSocket) -> None:
    raise NotAuthorizedException("no token")


@websocket("/own-error")
async def own_error(socket: WebSocket) -> None:
    socket.headers["x-room"]
    await socket.accept()


@websocket("/left")
async def left(socket: WebSocket) -> None:
    waiting.add(socket)
    await socket.close()


@websocket("/cleaned")
async def cleaned(socket: WebSocket) -> None:
    waiting.add(socket)
    try:
        raise ValidationException("not like this")
    finally:
        waiting.discard(socket)


app = Litestar([rows, token, own_error, left, cleaned])
