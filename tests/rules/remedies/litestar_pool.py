"""The remedy of WSD309 for a connection that is taken from a pool, in an application of Litestar."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar
from litestar.handlers import websocket_listener


class Pool:
    def __init__(self) -> None:
        self.idle = [1, 2, 3]

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[int]:
        connection = self.idle.pop()
        try:
            await asyncio.sleep(0.001)
            yield connection
        finally:
            self.idle.append(connection)


pool = Pool()


@websocket_listener("/rows")
async def rows(data: str) -> str:
    async with pool.acquire() as connection:
        return f"row of connection {connection} for {data}"


app = Litestar([rows])
