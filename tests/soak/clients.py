"""Four clients that connect, speak, and leave at random times, for a few seconds.

Real sockets and the websockets library's client; nothing of wsdoctor.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import socket
import struct
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

CLIENTS = 4
SECONDS = 3.0
"""Wall seconds for which they come and go."""

STAYS = 0.3
"""Wall seconds that a client stays at most."""

_LAST_WORDS = 4
"""A client says all it has to say fewer times than this, just before it leaves."""

_PATIENCE = 60.0
"""Wall seconds for a handshake, and for an answer of the server's by HTTP."""


@dataclass(frozen=True)
class Visit:
    """How a route is visited: what the client opens with, and what it says, in order."""

    path: str
    says: tuple[str | bytes, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()


@dataclass
class Seen:
    """What the clients did: how many connections they had, and how they left."""

    connections: int = 0
    refused: int = 0
    left: Counter[str] = field(default_factory=Counter)


async def come_and_go(port: int, visit: Visit, seed: int) -> Seen:
    """Let the clients come and go for SECONDS; what they do follows from ``seed``."""
    seen = Seen()
    loop = asyncio.get_running_loop()
    until = loop.time() + SECONDS
    async with asyncio.TaskGroup() as group:
        for number in range(CLIENTS):
            chance = random.Random(f"{seed} {number}")  # noqa: S311 - it has to be repeatable
            group.create_task(_client(port, visit, chance, until, seen))
    return seen


async def once(port: int, visit: Visit) -> None:
    """One client that says what there is to say and closes: what comes with the first one is there."""
    with contextlib.suppress(OSError, TimeoutError, websockets.WebSocketException):
        async with asyncio.timeout(_PATIENCE):
            connection = await _connect(port, visit)
            for message in visit.says:
                await connection.send(message)
            await asyncio.sleep(STAYS)
            await connection.close()


async def counts(port: int) -> dict[str, int] | None:
    """What the server holds; None if it does not answer any more, or not as it should."""
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /soak-counts HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            answer = await reader.read()
            writer.close()
    except (OSError, TimeoutError):
        return None
    body = answer.partition(b"\r\n\r\n")[2]
    try:
        found: dict[str, int] = json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])
    except ValueError:
        return None
    return found


async def _client(port: int, visit: Visit, chance: random.Random, until: float, seen: Seen) -> None:
    loop = asyncio.get_running_loop()
    leaves = {"close": _close, "reset": _reset, "eof": _eof}
    while loop.time() < until:
        try:
            async with asyncio.timeout(_PATIENCE):
                connection = await _connect(port, visit)
        except (OSError, TimeoutError, websockets.WebSocketException):
            seen.refused += 1
            await asyncio.sleep(0.05)
            continue
        seen.connections += 1
        how = chance.choice(sorted(leaves))
        seen.left[how] += 1
        reading = asyncio.create_task(_read(connection))
        leaving = loop.time() + chance.uniform(0.0, STAYS)
        with contextlib.suppress(OSError, websockets.WebSocketException):
            while loop.time() < leaving:
                for message in visit.says:
                    await connection.send(message)
                await asyncio.sleep(min(chance.uniform(0.0, 0.05), max(0.0, leaving - loop.time())))
            for message in visit.says * chance.randrange(_LAST_WORDS):
                await connection.send(message)  # it leaves before they are answered
        await leaves[how](connection)
        reading.cancel()
        await asyncio.wait([reading])


async def _connect(port: int, visit: Visit) -> ClientConnection:
    return await connect(
        f"ws://127.0.0.1:{port}{visit.path}",
        additional_headers=list(visit.headers),
        subprotocols=[websockets.Subprotocol(name) for name in visit.subprotocols] or None,
        open_timeout=_PATIENCE,
        close_timeout=1,
        ping_interval=None,
        proxy=None,
    )


async def _read(connection: ClientConnection) -> None:
    with contextlib.suppress(websockets.WebSocketException):
        async for _ in connection:
            pass


async def _close(connection: ClientConnection) -> None:
    with contextlib.suppress(OSError, websockets.WebSocketException):
        await connection.close()


async def _reset(connection: ClientConnection) -> None:
    """Reset the connection (RST), as a process does that is killed with unread data."""
    sock: Any = connection.transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.transport.abort()


async def _eof(connection: ClientConnection) -> None:
    """Close the socket without a word: the end of the stream for the server."""
    connection.transport.close()
