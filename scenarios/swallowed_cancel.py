"""The stream that renews its subscription, and can lose its own cancellation meanwhile.

Many recipes cancel the task, await it, and suppress the CancelledError that comes back. But
`suppress` cannot distinguish the CancelledError of the task from the stream's own. The old
subscription takes ten milliseconds to end. If the client leaves just then, the lifespan cancels
`stream` while it waits there, and `suppress` catches that cancellation, too. The loop starts over for
a client that has left, and the lifespan waits for it for ever.

At any other moment nothing is wrong: tests pass, and in production a handler hangs now and then.
Only a sweep finds it. The difference to `swallowed-cancel-fixed` is one statement, the wait for the
old task.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect

SHOWS = ()
SHOWS_IN_SWEEP = ("WSD502",)
FIXED_TWIN = "swallowed-cancel-fixed"

LIFETIME = 2.25  # seconds that a subscription is good for


async def ask_broker(request: str) -> None:
    """Send the request, and wait for the answer."""
    await asyncio.sleep(0.01)


async def forward(socket: WebSocket[Any, Any, Any]) -> None:
    """Send the time every two seconds, as long as the subscription lasts."""
    await ask_broker("subscribe")
    try:
        while True:
            await socket.send_text(time.ctime())
            await asyncio.sleep(2)
    except (WebSocketDisconnect, OSError):
        pass  # a send may lose the race with the disconnect
    finally:
        await ask_broker("unsubscribe")


async def stream(socket: WebSocket[Any, Any, Any]) -> None:
    """Subscribe, and subscribe anew before that expires."""
    while True:
        task = asyncio.create_task(forward(socket))
        try:
            await asyncio.sleep(LIFETIME)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


@asynccontextmanager
async def lifespan(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    """Accept the connection and stream beside the listener."""
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])
