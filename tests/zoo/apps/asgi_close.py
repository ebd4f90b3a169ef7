"""Applications without a framework that close with a code and a reason of their own."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def told(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    for step in range(4):
        await send({"type": "websocket.send", "text": f"step {step}"})
        await asyncio.sleep(0.1)


# --- 1006 to say that it breaks off


async def abnormal_bug(receive: Receive, send: Send) -> None:
    await told(receive, send)
    await send({"type": "websocket.close", "code": 1006})  # <- WSD107 abnormal


async def abnormal_ok(receive: Receive, send: Send) -> None:
    await told(receive, send)
    await send({"type": "websocket.close", "code": 1012})


# --- a reason that is cut by characters, and not by bytes

REASON = "Die Verbindung wird geschlossen: zu viele ungültige Nachrichten in zu kurzer Zeit. " * 2


async def umlaut_bug(receive: Receive, send: Send) -> None:
    await told(receive, send)
    short = REASON[:123]
    await send({"type": "websocket.close", "code": 1008, "reason": short})  # <- WSD107 umlaut


async def umlaut_ok(receive: Receive, send: Send) -> None:
    await told(receive, send)
    short = REASON.encode()[:123].decode(errors="ignore")
    await send({"type": "websocket.close", "code": 1008, "reason": short})


# --- no code at all, but a key for one


async def nothing_bug(receive: Receive, send: Send) -> None:
    await told(receive, send)
    await send({"type": "websocket.close", "code": None})  # <- WSD107 nothing


async def nothing_ok(receive: Receive, send: Send) -> None:
    await told(receive, send)
    await send({"type": "websocket.close", "reason": None})


ROUTES = {
    "/abnormal-bug": abnormal_bug,
    "/abnormal-ok": abnormal_ok,
    "/umlaut-bug": umlaut_bug,
    "/umlaut-ok": umlaut_ok,
    "/nothing-bug": nothing_bug,
    "/nothing-ok": nothing_ok,
}


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        with suppress(OSError):
            await ROUTES[scope["path"]](receive, send)
