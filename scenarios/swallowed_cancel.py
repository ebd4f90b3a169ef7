"""The stream that renews its subscription, and can lose its own cancellation on the way.

Cancel the task, await it, suppress the CancelledError that comes back: so does many a recipe. But
`suppress` cannot tell the CancelledError of the task from one's own. The old subscription takes ten
milliseconds to end. If the client leaves just then, the lifespan cancels `stream` while it waits
there, and that cancellation is suppressed with the other one. The loop starts over for a client
that has left, and the lifespan waits for it for ever.

At any other moment all is well: tests pass, and in production a handler hangs now and then. Only a
sweep comes upon it. Against `swallowed-cancel-fixed` one statement matters, the wait for the old
task.
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
