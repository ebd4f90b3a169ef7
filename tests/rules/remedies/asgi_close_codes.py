"""The remedies of WSD107 for a code and a reason that come from elsewhere, without a framework."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]


class UpstreamError(Exception):
    def __init__(self, code: int) -> None:
        self.code = code


async def ask(text: str) -> str:
    if text == "bye":
        raise UpstreamError(1006)
    return text.upper()


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    with suppress(OSError):
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            try:
                await send({"type": "websocket.send", "text": await ask(message["text"])})
            except UpstreamError as closed:
                code = closed.code
                sendable = code in {1000, 1001, 1008, 1011} or 3000 <= code <= 4999
                await send({"type": "websocket.close", "code": code if sendable else 1011})
                return
            except ValueError as error:
                reason = str(error)
                short = reason.encode(errors="replace")[:123].decode(errors="ignore")
                await send({"type": "websocket.close", "code": 1003, "reason": short})
                return
