"""The real loopback sockets of the loops that have them."""

from __future__ import annotations

import asyncio
import socket

import pytest

from wsdoctor.sim.engine import new_event_loop


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_no_small_write_waits_for_an_acknowledgement(clock):
    """Nagle's algorithm would hold it back for 40 real milliseconds: seconds of a virtual clock."""

    async def main() -> None:
        made: list[asyncio.BaseTransport] = []

        class End(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.append(transport)

        sock = loop.listen()
        listener = await loop.create_server(End, sock=sock)
        await loop.connect(End, sock.getsockname()[1])
        while len(made) < 2:
            await asyncio.sleep(0)
        for transport in made:
            end = transport.get_extra_info("socket")
            assert end.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            transport.close()
        listener.close()
        await listener.wait_closed()

    loop = new_event_loop(clock, "loopback")
    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
