"""An exception whose attributes raise when they are read leaves the handler."""

from typing import Any


class Odd(Exception):
    @property
    def __cause__(self) -> Any:
        raise RuntimeError("no")

    @property
    def __class__(self) -> Any:
        raise RuntimeError("no")

    @property
    def __dict__(self) -> Any:
        raise RuntimeError("no")

    def __str__(self) -> str:
        raise RuntimeError("no")


async def ended(receive: Any, send: Any) -> None:
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def bug(receive: Any, send: Any) -> None:
    await ended(receive, send)
    raise Odd  # <- WSD203 error


async def ok(receive: Any, send: Any) -> None:
    await ended(receive, send)
    try:
        raise Odd
    except Odd:
        pass


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await receive()
        await {"/bug": bug, "/ok": ok}[scope["path"]](receive, send)
