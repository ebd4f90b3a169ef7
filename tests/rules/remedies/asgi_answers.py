"""What an application without a framework answers: a refusal, a good-bye, an error of the client's."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]


async def record(number: int) -> None:
    if number == 7:
        raise KeyError(number)


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    with suppress(OSError):
        token = scope["query_string"].decode() or "demo"
        if token != "demo":
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
        await answer(receive, send)


async def answer(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    while (message := await receive())["type"] != "websocket.disconnect":
        try:
            text = message.get("text") or ""
            if message.get("text") == "bye":
                await send({"type": "websocket.send", "text": "see you"})
                await send({"type": "websocket.close"})
                return
            if not text:
                raise ValueError
        except (KeyError, ValueError):
            continue
        try:
            number = int(text)
        except ValueError:
            await send({"type": "websocket.send", "text": "that is not a number"})
            continue
        try:
            await record(number)
        except (KeyError, ValueError):
            await send({"type": "websocket.close"})
            return
