"""litestar: its Channels plugin, with the route handlers that it makes by itself, and a publisher."""

import asyncio
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend

channels = ChannelsPlugin(
    backend=MemoryChannelsBackend(history=10),
    channels=["foo"],
    create_ws_route_handlers=True,
)


async def publish():
    while True:
        channels.publish({"text": "x" * 1000}, "foo")
        await asyncio.sleep(0.1)


@asynccontextmanager
async def publisher(app):
    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        task.cancel()


app = Litestar(plugins=[channels], lifespan=[publisher])
