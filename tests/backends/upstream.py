"""An upstream in a process of its own: a feed of prices, and a response that is written token by token.

GET /tokens     a line every 20 ms, until the client leaves
WebSocket       a price every 20 ms; a message that is sent to it comes back
"""

from __future__ import annotations

import asyncio
import itertools
import sys
from contextlib import suppress

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

_PAUSE = 0.02


async def feed(connection: ServerConnection) -> None:
    async def prices() -> None:
        with suppress(ConnectionClosed):
            for number in itertools.count():
                await connection.send(f"price {number}")
                await asyncio.sleep(_PAUSE)

    sending = asyncio.create_task(prices())
    with suppress(ConnectionClosed):
        async for message in connection:
            await connection.send(message)
    sending.cancel()


async def tokens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for number in itertools.count():
            line = b"token %d\n" % number
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
            await writer.drain()
            await asyncio.sleep(_PAUSE)
    writer.close()


async def main(feed_port: int, tokens_port: int) -> None:
    async with (
        await asyncio.start_server(tokens, "127.0.0.1", tokens_port),
        serve(feed, "127.0.0.1", feed_port),
    ):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
