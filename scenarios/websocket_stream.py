"""The high-level form for sending: a generator under `@websocket_stream`.

Litestar accepts the connection, encodes what the generator yields, listens for the disconnect and
stops the generator when the client leaves. What the client sends is thrown away with a warning:
this form is for clients that only read.
"""

import asyncio
import time
from collections.abc import AsyncGenerator

from litestar import Litestar, websocket_stream

SHOWS = ()


@websocket_stream("/ws")
async def ticks() -> AsyncGenerator[dict[str, float], None]:
    """Yield the time every two seconds."""
    while True:
        yield {"time": time.time()}
        await asyncio.sleep(2)


app = Litestar([ticks])
