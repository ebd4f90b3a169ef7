"""ASGI without a framework: memory that is used when it was given back."""

import ctypes
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Frames:
    """A buffer of native code."""

    def __init__(self) -> None:
        self._memory = ctypes.create_string_buffer(b"frame")
        self.address = ctypes.addressof(self._memory)

    def close(self) -> None:
        self.address = 0

    def last(self) -> bytes:
        return ctypes.string_at(self.address)  # <- WSD407 frames


# --- the last frame is kept when the client has left; the twin does so before it closes the buffer

kept: dict[str, bytes] = {}


async def watch(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def frames_bug(receive: Receive) -> None:
    frames = Frames()
    await watch(receive)
    frames.close()
    kept["bug"] = frames.last()


async def frames_ok(receive: Receive) -> None:
    frames = Frames()
    await watch(receive)
    kept["ok"] = frames.last()
    frames.close()


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        await (frames_bug if scope["path"] == "/frames-bug" else frames_ok)(receive)
