"""The example of Litestar's documentation, with its stream cancelled instead of asked to stop.

`tasks.cancel_scope.cancel()` takes the place of the flag: it stops the stream in the middle of its
sleep, and the task group keeps the cancellation that it ordered itself.

That alone is not enough. anyio leaves a task alone that is about to wake up, so the stream may
still send once, and it may notice first that the client has left: hence `suppress` around it. The
echo may notice first, too. The server knows how to ignore that OSError, but not when it is wrapped
in a group: hence OSError beside WebSocketDisconnect.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

import anyio
from litestar import Litestar, WebSocket, websocket_listener
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import send_websocket_stream

SHOWS = ()


async def pings() -> AsyncGenerator[str, None]:
    """Yield a ping every two seconds."""
    while True:
        await anyio.sleep(2)
        yield "ping"


async def stream(socket: WebSocket[Any, Any, Any]) -> None:
    """Send the pings as long as the client is there."""
    with suppress(WebSocketDisconnect, OSError):  # a send may lose the race with the disconnect
        async with aclosing(pings()) as messages:
            await send_websocket_stream(socket, messages)


@asynccontextmanager
async def lifespan(socket: WebSocket[Any, Any, Any]) -> AsyncIterator[None]:
    """Stream beside the listener, which accepts the connection."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stream, socket)
        try:
            yield
        except (WebSocketDisconnect, OSError):
            pass
        finally:
            tasks.cancel_scope.cancel()


@websocket_listener("/ws", connection_lifespan=lifespan)
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])
