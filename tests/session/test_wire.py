"""What the client puts on the wire, seen by a bare TCP server that reads every byte.

Over the network in memory and over real loopback sockets: what a test of uvicorn would not notice.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import pytest

from wsdoctor.recording.case import Handshake, SendStep
from wsdoctor.recording.events import (
    AnyEvent,
    ClientEnded,
    FrameReceived,
    FrameSent,
    HandshakeAccepted,
    HandshakeRefused,
)
from wsdoctor.session.client import OVERSIZE, Client
from wsdoctor.session.recorder import Recorder
from wsdoctor.sim.engine import NetworkName, new_event_loop
from wsdoctor.target import UserCode

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, section 1.3."""

CLOSE_1000 = b"\x88\x02\x03\xe8"

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, extra: bytes = b""
) -> bytes:
    """Read the opening handshake and accept it; what was read."""
    request = await reader.readuntil(b"\r\n\r\n")
    key = next(
        line for line in request.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")
    )
    digest = base64.b64encode(hashlib.sha1(key.partition(b":")[2].strip() + GUID).digest())  # noqa: S324 - RFC 6455
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + digest + b"\r\n" + extra + b"\r\n"
    )
    return request


def _unmask(frame: bytes) -> tuple[int, bytes]:
    """The first byte and the payload of a masked frame with a short payload (RFC 6455, section 5.2)."""
    assert frame[1] & 0x80, "a client's frames are masked"
    length, mask = frame[1] & 0x7F, frame[2:6]
    return frame[0], bytes(
        byte ^ mask[index % 4] for index, byte in enumerate(frame[6 : 6 + length])
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What the client recorded, and the request that it opened with."""

    events: tuple[AnyEvent, ...]
    request: bytes


def converse(
    act: Callable[[Client, Peer], Awaitable[Any]],
    network: NetworkName,
    *,
    handshake: Handshake | None = None,
    answer: bytes | None = None,
    extra: bytes = b"",
) -> tuple[Any, Heard]:
    """What ``act(client, peer)`` returns once the handshake is done, and what was recorded."""
    recorder = Recorder(UserCode())
    requests: list[bytes] = []
    loop = new_event_loop("virtual", network)
    complaints: list[str] = []
    loop.set_exception_handler(lambda _loop, context: complaints.append(context["message"]))

    async def main() -> Any:
        sock = loop.listen()
        accepted: asyncio.Queue[Peer] = asyncio.Queue()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.put_nowait((reader, writer))

        server = await asyncio.start_server(serve, sock=sock)
        port = sock.getsockname()[1]
        client = await loop.connect(
            lambda: Client(recorder, 1, handshake or Handshake(path="/ws"), port, compresses=True),
            port,
        )
        reader, writer = peer = await accepted.get()
        if answer is None:
            requests.append(await _answer(*peer, extra))
        else:
            requests.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
        try:
            async with asyncio.timeout(30):
                await client.opened()
                return await act(client, peer)
        finally:
            client.abandon()
            writer.transport.abort()
            server.close()
            await asyncio.sleep(0.1)

    try:
        asyncio.set_event_loop(loop)
        returned = loop.run_until_complete(main())
        assert complaints == []
        return returned, Heard(tuple(recorder.events), b"".join(requests))
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _ended(client: Client) -> None:
    while not client.ended:
        await asyncio.sleep(0.01)


both = pytest.mark.parametrize("network", ["memory", "loopback"])


def _kind(
    kind: str, then: Callable[[Client, Peer], Awaitable[Any]], burst: tuple[SendStep, ...] = ()
):
    async def act(client: Client, peer: Peer) -> Any:
        client.disconnect(kind, burst)
        return await then(client, peer)

    return act


async def _everything(_client: Client, peer: Peer) -> bytes:
    return await peer[0].read(-1)


async def _next_bytes(_client: Client, peer: Peer) -> bytes:
    return await peer[0].read(100_000)


@both
@pytest.mark.parametrize(
    "kind, first, payload",
    [
        ("close", 0x88, b"\x03\xe8"),
        ("close:1001", 0x88, b"\x03\xe9"),
        ("close:4999", 0x88, b"\x13\x87"),
        ("no-code", 0x88, b""),
    ],
)
def test_a_close_frame(kind, first, payload, network):
    sent, _ = converse(_kind(kind, _next_bytes), network)
    assert _unmask(sent) == (first, payload)


@both
def test_abort_is_a_reset(network):
    async def read(_client: Client, peer: Peer) -> str:
        try:
            await peer[0].read(1)
        except ConnectionResetError:
            return "reset"
        return "end of stream"

    assert converse(_kind("abort", read), network)[0] == "reset"
    # … which is not what an ordinary end looks like.
    assert converse(_kind("fin", read), network)[0] == "end of stream"


@both
def test_fin_is_a_half_close_and_nothing_else_ever_comes(network):
    """The other half stays open: the server can send, and gets no answer to its close frame."""

    async def write_on(client: Client, peer: Peer) -> tuple[bytes, int]:
        reader, writer = peer
        end = await reader.read(-1)
        for _ in range(5):
            writer.write(b"\x81\x02hi")
            await asyncio.sleep(1)
        writer.write(CLOSE_1000)
        await asyncio.sleep(1)
        return end + await reader.read(-1), client.messages

    (sent, got), _ = converse(_kind("fin", write_on), network)
    assert sent == b""
    assert got == 5


@both
def test_eof_closes_the_socket_and_answers_what_comes_with_a_reset(network):
    """A server's first write is taken, and the answer is a reset."""

    async def write_on(client: Client, peer: Peer) -> tuple[bytes, str]:
        reader, writer = peer
        end = await reader.read(-1)
        with contextlib.suppress(OSError):
            for _ in range(5):
                writer.write(b"\x81\x02hi")
                await writer.drain()
                await asyncio.sleep(1)
            return end, "written"
        return end, "reset" if client.messages == 0 else "read"

    assert converse(_kind("eof", write_on), network)[0] == (b"", "reset")


@both
def test_vanish_sends_nothing_reads_nothing_and_does_not_end(network):
    async def ping(client: Client, peer: Peer) -> tuple[bytes, int, bool]:
        reader, writer = peer
        writer.write(b"\x89\x00" + b"\x81\x02hi" + CLOSE_1000)
        sent = b""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(5):
                sent = await reader.read(1)
                sent = sent or b"end of stream"
        return sent, client.messages, client.ended

    assert converse(_kind("vanish", ping), network)[0] == (b"", 0, False)


@both
@pytest.mark.parametrize("kind", ["stall", "stall-close", "stall-abort"])
def test_stall_reads_nothing_more_but_the_connection_stands(kind, network):
    async def flood(client: Client, peer: Peer) -> tuple[int, bool]:
        reader, writer = peer
        writer.transport.set_write_buffer_limits(high=0)
        blocked = False
        try:
            async with asyncio.timeout(5):
                for _ in range(500):
                    writer.write(b"\x82\x7e\xff\xff" + bytes(65535))
                    await writer.drain()
        except TimeoutError:
            blocked = True
        # Its close frame comes through all the same, though nothing else does.
        client.close(1000)
        assert _unmask(await reader.read(100)) == (0x88, b"\x03\xe8")
        return client.messages, blocked

    (got, blocked), _ = converse(_kind(kind, flood), network)
    assert got == 0
    assert blocked


@both
def test_partial_frame_announces_a_hundred_bytes_sends_three_and_ends(network):
    sent, _ = converse(_kind("partial-frame", _everything), network)
    assert sent[0] == 0x81
    assert sent[1] == 0x80 | 100
    assert len(sent) == 2 + 4 + 3


@both
def test_protocol_error_is_a_frame_with_a_reserved_opcode(network):
    sent, _ = converse(_kind("protocol-error", _next_bytes), network)
    assert sent[0] & 0x0F in {0x3, 0x4, 0x5, 0x6, 0x7, 0xB, 0xC, 0xD, 0xE, 0xF}
    assert len(sent) == 6


@both
def test_oversize_is_one_whole_uncompressed_message(network):
    async def read(client: Client, peer: Peer) -> bytes:
        return await peer[0].readexactly(2 + 8 + 4 + OVERSIZE)

    # Compression was agreed on: it must not bring the message below the limit.
    sent, _ = converse(
        _kind("oversize", read), network, extra=b"Sec-WebSocket-Extensions: permessage-deflate\r\n"
    )
    assert sent[0] == 0x81, "FIN and text, without RSV1 (compressed)"
    assert sent[1] == 0x80 | 127
    assert int.from_bytes(sent[2:10]) == OVERSIZE > 65_536


@both
def test_the_messages_of_burst_abort_can_be_read_before_its_reset(network):
    messages = (SendStep(text="ä"), SendStep(hex="00ff"))

    async def read(_client: Client, peer: Peer) -> tuple[bytes, str]:
        sent = b""
        try:
            while data := await peer[0].read(100):
                sent += data
        except ConnectionResetError:
            return sent, "reset"
        return sent, "end of stream"

    (sent, end), heard = converse(_kind("burst-abort", read, messages), network)
    assert (_unmask(sent), _unmask(sent[8:])) == ((0x81, "ä".encode()), (0x82, b"\x00\xff"))
    assert end == "reset"
    assert [event.opcode for event in heard.events if isinstance(event, FrameSent)] == [
        "text",
        "binary",
    ]


@both
def test_burst_is_one_segment(network):
    messages = (SendStep(text="ä"), SendStep(hex="00ff"))
    sent, heard = converse(_kind("burst", _next_bytes, messages), network)
    frames = []
    while sent:
        frames.append(_unmask(sent))
        sent = sent[6 + (sent[1] & 0x7F) :]
    assert frames == [(0x81, "ä".encode()), (0x82, b"\x00\xff"), (0x88, b"\x03\xe8")]
    recorded = [event for event in heard.events if isinstance(event, FrameSent)]
    assert [(event.opcode, event.size) for event in recorded] == [
        ("text", 2),
        ("binary", 2),
        ("close", 2),
    ]


@both
def test_close_is_answered_and_the_client_sees_the_peers_code(network):
    async def close(client: Client, peer: Peer) -> bytes:
        reader, writer = peer
        writer.write(b"\x88\x05\x0f\xa0bye")
        answer = await reader.read(100)
        writer.close()
        await _ended(client)
        return answer

    answer, heard = converse(close, network)
    assert _unmask(answer)[1][:2] == b"\x0f\xa0"
    ended = [event for event in heard.events if isinstance(event, ClientEnded)]
    assert [(event.code, event.reason) for event in ended] == [(4000, "bye")]


@both
@pytest.mark.parametrize("frame, code", [(b"\x88\x00", 1005), (b"", 1006)])
def test_an_end_without_a_code(frame, code, network):
    async def end(client: Client, peer: Peer) -> None:
        peer[1].write(frame)
        peer[1].close()
        await _ended(client)

    _, heard = converse(end, network)
    assert [event.code for event in heard.events if isinstance(event, ClientEnded)] == [code]


@both
def test_pings_are_answered_at_once(network):
    async def ping(_client: Client, peer: Peer) -> bytes:
        peer[1].write(b"\x89\x03abc")
        return await peer[0].read(100)

    answer, _ = converse(ping, network)
    assert _unmask(answer) == (0x8A, b"abc")


@both
def test_messages_are_counted_not_frames(network):
    """A fragmented message is one message, and a ping in the middle of it is none."""

    async def speak(client: Client, peer: Peer) -> int:
        peer[1].write(b"\x01\x02ab" + b"\x89\x00" + b"\x00\x02cd" + b"\x80\x02ef" + b"\x82\x01x")
        await client.receive(2, 10.0)
        return client.messages

    got, heard = converse(speak, network)
    assert got == 2
    frames = [event.opcode for event in heard.events if isinstance(event, FrameReceived)]
    assert frames == ["text", "ping", "cont", "cont", "binary"]


@both
def test_the_opening_handshake_is_the_users(network):
    async def nothing(_client: Client, _peer: Peer) -> None:
        await asyncio.sleep(0)

    _, heard = converse(
        nothing,
        network,
        handshake=Handshake(
            path="/a/b%20c",
            query="token=1&x=%C3%A4",
            headers=(
                ("Host", "example.org"),
                ("Authorization", "Bearer s"),
                ("X-Twice", "1"),
                ("X-Twice", "2"),
            ),
            subprotocols=("graphql-ws", "other"),
        ),
        extra=b"Sec-WebSocket-Protocol: other\r\n",
    )
    lines = heard.request.decode().split("\r\n")
    assert lines[0] == "GET /a/b%20c?token=1&x=%C3%A4 HTTP/1.1"
    assert (
        lines.count("Host: example.org")
        == sum(line.lower().startswith("host:") for line in lines)
        == 1
    )
    assert "Authorization: Bearer s" in lines
    assert [line for line in lines if line.startswith("X-Twice")] == ["X-Twice: 1", "X-Twice: 2"]
    assert "Sec-WebSocket-Protocol: graphql-ws, other" in lines
    (accepted,) = (event for event in heard.events if isinstance(event, HandshakeAccepted))
    assert accepted.subprotocol == "other"


@both
@pytest.mark.parametrize(
    "answer, status, detail",
    [
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno", 403, "no"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 404, "Not Found"),
        (
            b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n",
            500,
            "Internal Server Error",
        ),
        (b"SMTP nonsense\r\n\r\n", 0, "did not receive a valid HTTP response"),
    ],
)
def test_a_refusal(answer, status, detail, network):
    async def wait(client: Client, _peer: Peer) -> bool:
        return client.refused

    refused, heard = converse(wait, network, answer=answer)
    assert refused
    (event,) = (event for event in heard.events if isinstance(event, HandshakeRefused))
    assert event.status == status
    assert detail in event.detail


@both
def test_what_was_refused_is_not_closed(network):
    async def close(client: Client, _peer: Peer) -> bool:
        client.close(1000)
        return client.refused

    answer = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
    refused, heard = converse(close, network, answer=answer)
    assert refused
    assert not [event for event in heard.events if isinstance(event, FrameSent)]


@both
def test_a_client_that_is_over_does_nothing_more(network):
    """A kind that comes too late is no second act, and its bytes do not reach anybody."""

    async def late(client: Client, peer: Peer) -> bytes:
        client.disconnect("close", ())
        sent = await peer[0].read(100)
        peer[1].write(CLOSE_1000)
        peer[1].close()
        await _ended(client)
        for kind in (
            "close",
            "abort",
            "fin",
            "eof",
            "stall-abort",
            "oversize",
            "burst",
            "burst-abort",
            "protocol-error",
            "partial-frame",
            "vanish",
        ):
            client.disconnect(kind, (SendStep(text="late"),))
        with contextlib.suppress(OSError):
            sent += await peer[0].read(-1)
        return sent

    sent, heard = converse(late, network)
    assert _unmask(sent) == (0x88, b"\x03\xe8")
    assert len(sent) == 8
    assert [event.opcode for event in heard.events if isinstance(event, FrameSent)] == ["close"]
