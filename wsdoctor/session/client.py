"""The scripted client: the websockets library's sans-I/O client over an asyncio transport.

A real WebSocket peer (RFC 6455), of which wsdoctor needs what a high-level client hides: it must
be able to act at once, in the middle of a call of other code, and to behave badly on the wire.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
from collections.abc import Callable
from contextlib import AbstractContextManager
from http import HTTPStatus
from typing import cast

from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from wsdoctor.plan.kinds import close_code
from wsdoctor.recording.case import Handshake, ReceiveStep, SendStep, SleepStep, Step
from wsdoctor.recording.events import (
    ClientActed,
    ClientEnded,
    FrameReceived,
    FrameSent,
    HandshakeAccepted,
    HandshakeRefused,
)
from wsdoctor.session.recorder import Recorder

NO_STATUS = 1005
ABNORMAL = 1006
OVERSIZE = 70_000
"""Bytes of the message of ``oversize``; the server is given a limit of 65,536 for that kind."""

_PINGS, _PING = 400, bytes(125)
"""More than the buffers of a session with a client that stalls can hold, in the largest pings there are."""

_RESERVED_OPCODE = bytes([0x83, 0x80, 0, 0, 0, 0])
"""A masked frame with opcode 3, which RFC 6455 (section 5.2) reserves."""

_SILENT = logging.getLogger("wsdoctor.client")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class ScriptError(Exception):
    """The script could not go on; the text says what the client was waiting for."""


class Client(asyncio.Protocol):
    """One client connection. ``number`` is its number in the recording.

    ``compresses``: it offers permessage-deflate (RFC 7692), as browsers do.
    """

    def __init__(
        self,
        recorder: Recorder,
        number: int,
        handshake: Handshake,
        port: int,
        *,
        driven: bool = False,
        compresses: bool = False,
    ) -> None:
        query = f"?{handshake.query}" if handshake.query else ""
        self._protocol = ClientProtocol(
            parse_uri(f"ws://127.0.0.1:{port}{handshake.path}{query}"),
            extensions=[ClientPerMessageDeflateFactory()] if compresses else None,
            subprotocols=[Subprotocol(name) for name in handshake.subprotocols] or None,
            max_size=None,
            logger=_SILENT,
        )
        self._handshake = handshake
        self._recorder = recorder
        self.number = number
        self.messages = 0
        """How many messages the client has received."""
        self.read = 0
        """How many of them the script has asked for."""
        # Only a driver reads what they say; until it has returned they are kept, and its queries,
        # which may be secrets that the command line does not know of, are not.
        self._driven = driven
        self._kept: list[str | bytes] | None = [] if driven else None
        self._parts: list[bytes] = []
        self._is_text = True
        self._transport: asyncio.Transport | None = None
        self._changed = asyncio.Event()
        self._silent = False
        self.sent: SendStep | None = None
        """The last message that it has sent."""
        self.answered = False
        """Whether the handshake has an answer, be it a refusal."""
        self.refused = False
        self.ended = False
        self.on_close_answered: Callable[[], None] = lambda: None
        """Called when the server answers the client's close frame: it has read it."""
        self.attentive: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
        """Entered while the script waits: what it waits for may come from outside."""
        self._closes = False

    # --- asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        request = self._protocol.connect()
        for name, value in self._handshake.headers:
            if name.lower() == "host":
                del request.headers["Host"]
            request.headers[name] = value
        self._protocol.send_request(request)
        self._act("connect", request.path.partition("?")[0] if self._driven else request.path)
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        self._events()

    def eof_received(self) -> None:
        self._protocol.receive_eof()
        self._events()

    def connection_lost(self, _exc: Exception | None) -> None:
        if self.ended:
            return
        self.ended = True
        if not self.answered:
            self._refuse(0, "the connection ended before the handshake was answered")
        received = self._protocol.close_rcvd
        recorder = self._recorder
        recorder.add(
            ClientEnded(
                **recorder.here(),
                connection=self.number,
                code=ABNORMAL if received is None else (received.code or NO_STATUS),
                reason="" if received is None else received.reason,
            )
        )
        self._changed.set()

    @property
    def over(self) -> bool:
        """Whether the connection has ended, or the peer's close frame has come."""
        return self.ended or self._protocol.close_rcvd is not None

    # --- the handshake and the script

    async def opened(self) -> bool:
        """Wait for the handshake's answer: True if it was accepted."""
        with self.attentive():
            while not self.answered:
                await self._change()
        return not self.refused

    async def perform(self, steps: tuple[Step, ...], patience: float) -> None:
        """Run a script, waiting ``patience`` seconds for each message that it receives.

        Raises ScriptError if a message does not come, or the connection ends before the script does.
        """
        for step in steps:
            match step:
                case SendStep():
                    self.send(step)
                case ReceiveStep(count=count):
                    # Those that have come already are read first, as from any client's queue.
                    self.read += count
                    await self.receive(self.read, patience)
                case SleepStep(seconds=seconds):
                    with self.attentive():
                        await asyncio.sleep(seconds)

    async def receive(self, total: int, patience: float) -> None:
        """Wait until ``total`` messages have come, ``patience`` seconds for each.

        Raises ScriptError if one does not come, or the connection ends first.
        """
        while (awaited := self.messages + 1) <= total:
            try:
                with self.attentive():
                    async with asyncio.timeout(patience):
                        while self.messages < awaited and not self.over:
                            await self._change()
            except TimeoutError:
                msg = f"message {awaited}"
                raise ScriptError(msg) from None
            if self.messages < awaited:
                msg = f"message {awaited} (the connection ended first)"
                raise ScriptError(msg)

    async def next_message(self, patience: float) -> str | bytes:
        """The next message for a driven client, unless ``forget()`` has dropped it.

        Raises ScriptError as ``receive``.
        """
        assert self._kept is not None
        self.read += 1
        await self.receive(self.read, patience)
        return self._kept[self.read - 1]

    def forget(self) -> None:
        """Keep no messages any more."""
        self._kept = None

    @property
    def subprotocol(self) -> str | None:
        """What the server has chosen."""
        return self._protocol.subprotocol

    def send(self, step: SendStep) -> None:
        """Send one message at once. Raises ScriptError if the connection is over."""
        if self.over or self._protocol.state is not State.OPEN:
            msg = "the connection to take a message (it ended first)"
            raise ScriptError(msg)
        self._send_later(step)
        self._flush()

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()

    # --- the disconnect

    def disconnect(self, kind: str, burst: tuple[SendStep, ...]) -> None:
        """Do what ``kind`` says, now: when this returns it is on the wire or with the transport.

        ``burst`` are the messages of ``burst`` and ``burst-abort``, which come before the end.
        """
        if self.ended or self._transport is None:
            return
        act: dict[str, Callable[[], None]] = {
            "abort": self._reset,
            "before-accept": self._reset,
            "fin": self._half_close,
            "eof": self._close_socket,
            "vanish": self._vanish,
            "stall": self._stop_reading,
            "stall-abort": self._stop_reading,
        }
        frames: dict[str, Callable[[], None]] = {
            "stall-close": self._stop_reading,
            "partial-frame": self._partial_frame,
            "protocol-error": self._break_protocol,
            "oversize": self._send_too_much,
            "burst": lambda: self._burst(burst),
            "burst-abort": lambda: self._burst_and_reset(burst),
        }
        if kind in act:
            act[kind]()
        elif not self.answered:
            self._leave()
        elif self._protocol.state is State.OPEN:
            frames.get(kind, lambda: self.close(close_code(kind)))()

    def close(self, code: int | None) -> None:
        """Begin the closing handshake (RFC 6455, section 7.1.2)."""
        if (
            self.ended
            or self.refused
            or self._protocol.close_sent is not None
            or self._protocol.close_rcvd is not None
        ):
            return
        if not self.answered:
            self._leave()  # there is no WebSocket yet to send a frame on
            return
        if self._protocol.state is State.CONNECTING:
            return  # refused: there will be none
        self._closes = True
        self._protocol.send_close(code)
        self._act("close", "" if code is None else str(code), disconnects=True)
        self._sent("close", 0 if code is None else 2, code=NO_STATUS if code is None else code)
        self._flush()

    def _burst(self, messages: tuple[SendStep, ...]) -> None:
        """Several messages and the close frame in one segment."""
        for step in messages:
            self._send_later(step)
        self.close(1000)

    def _burst_and_reset(self, messages: tuple[SendStep, ...]) -> None:
        """Several messages in one segment, and a reset behind them."""
        for step in messages:
            self._send_later(step)
        self._flush()
        self._reset()

    def _send_later(self, step: SendStep) -> None:
        """Put a message before the next bytes that are written, in the same segment."""
        self.sent = step
        if step.text is not None:
            data = step.text.encode()
            self._protocol.send_text(data)
            self._sent("text", len(data), preview=step.text[:40])
        else:
            data = bytes.fromhex(step.hex)
            self._protocol.send_binary(data)
            self._sent("binary", len(data))

    def abandon(self) -> None:
        """End the client's side without ceremony (wsdoctor's own teardown)."""
        if self._transport is not None and not self.ended:
            self._transport.abort()

    def _reset(self) -> None:
        assert self._transport is not None
        sock = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._act("abort", "RST", disconnects=True)
        self._transport.abort()

    def reset(self) -> None:
        """Reset the connection (RST) if it is still there."""
        if self._transport is not None and not self.ended:
            self._reset()

    def _leave(self) -> None:
        assert self._transport is not None
        self._act("leave", "before the handshake was answered", disconnects=True)
        self._transport.close()

    def _half_close(self) -> None:
        assert self._transport is not None
        self._act("fin", "write side shut down", disconnects=True)
        self._silent = True
        with contextlib.suppress(OSError):  # reset by the server, and not polled since
            self._transport.write_eof()

    def _close_socket(self) -> None:
        assert self._transport is not None
        self._act("eof", "socket closed", disconnects=True)
        self._silent = True
        self._transport.close()

    def fill(self) -> None:
        """Fill every buffer from the server to the client with answers to pings (RFC 6455, section 5.5.3).

        The client must have stopped reading. The next message for it then finds no room.
        """
        if self._protocol.state is not State.OPEN:
            return
        for _ in range(_PINGS):
            self._protocol.send_ping(_PING)
        self._act("fill", f"{_PINGS} pings, whose answers are not read")
        self._flush()

    def _vanish(self) -> None:
        assert self._transport is not None
        self._act("vanish", "no packet from now on", disconnects=True)
        self._silent = True
        self._transport.pause_reading()

    def _stop_reading(self) -> None:
        assert self._transport is not None
        self._act("stall", "stopped reading", disconnects=True)
        self._transport.pause_reading()

    def _partial_frame(self) -> None:
        assert self._transport is not None
        self._act(
            "partial-frame", "half of a text frame, then the end of the stream", disconnects=True
        )
        self._silent = True
        # FIN, text, masked, 100 bytes announced; three of them come.
        self._transport.write(bytes([0x81, 0x80 | 100, 1, 2, 3, 4]) + b"\x60\x60\x60")
        self._transport.close()

    def _break_protocol(self) -> None:
        assert self._transport is not None
        self._act("protocol-error", "a frame with the reserved opcode 3", disconnects=True)
        self._transport.write(_RESERVED_OPCODE)

    def _send_too_much(self) -> None:
        self._act(
            "oversize", f"a message of {OVERSIZE} bytes, over the server's limit", disconnects=True
        )
        # Random-looking on purpose: compression must not bring it below the limit.
        self._protocol.extensions.clear()
        self._protocol.send_text(b"x" * OVERSIZE)
        self._sent("text", OVERSIZE)
        self._flush()

    # --- the wire

    def _events(self) -> None:
        for event in self._protocol.events_received():
            if isinstance(event, Response):
                self._answer(event)
            elif isinstance(event, Frame):
                self._frame(event)
        if self._protocol.handshake_exc is not None and not self.answered:
            self._refuse(0, str(self._protocol.handshake_exc))
        self._flush()
        self._changed.set()

    def _answer(self, response: Response) -> None:
        wrong = self._protocol.handshake_exc
        if wrong is not None and response.status_code == HTTPStatus.SWITCHING_PROTOCOLS:
            self._refuse(response.status_code, str(wrong))
            return
        if wrong is not None:
            body = (response.body or b"").decode(errors="replace")
            self._refuse(response.status_code, body[:200] or response.reason_phrase)
            return
        self.answered = True
        recorder = self._recorder
        recorder.add(
            HandshakeAccepted(
                **recorder.here(),
                connection=self.number,
                subprotocol=self._protocol.subprotocol,
            )
        )

    def _refuse(self, status: int, detail: str) -> None:
        self.answered = self.refused = True
        recorder = self._recorder
        recorder.add(
            HandshakeRefused(
                **recorder.here(),
                connection=self.number,
                status=status,
                detail=detail,
            )
        )

    def _frame(self, frame: Frame) -> None:
        data = bytes(frame.data)
        code = None
        if frame.opcode is Opcode.CLOSE:
            code = struct.unpack("!H", data[:2])[0] if data else NO_STATUS
        recorder = self._recorder
        recorder.add(
            FrameReceived(
                **recorder.here(),
                connection=self.number,
                opcode=frame.opcode.name.lower(),
                size=len(data),
                code=code,
                preview=data[:40].decode(errors="replace") if frame.opcode is Opcode.TEXT else "",
            )
        )
        if frame.opcode in {Opcode.TEXT, Opcode.BINARY, Opcode.CONT}:
            self._keep(frame, data)
            self.messages += frame.fin
        if frame.opcode is Opcode.CLOSE and self._closes:
            self.on_close_answered()

    def _keep(self, frame: Frame, data: bytes) -> None:
        if self._kept is None:
            return
        if frame.opcode is not Opcode.CONT:
            self._is_text = frame.opcode is Opcode.TEXT
        self._parts.append(data)
        if frame.fin:
            whole = b"".join(self._parts)
            self._parts.clear()
            self._kept.append(whole.decode(errors="replace") if self._is_text else whole)

    def _flush(self) -> None:
        """Write what the protocol has to say: messages, pongs, the answer to a close frame."""
        chunks = self._protocol.data_to_send()
        if self._silent or self._transport is None or self._transport.is_closing():
            return
        if data := b"".join(chunks):
            self._transport.write(data)
        if chunks and not chunks[-1]:
            self._transport.write_eof()

    def _act(self, act: str, detail: str = "", *, disconnects: bool = False) -> None:
        recorder = self._recorder
        recorder.add(
            ClientActed(
                **recorder.here(),
                connection=self.number,
                act=act,
                detail=detail,
                disconnects=disconnects,
            )
        )

    def _sent(self, opcode: str, size: int, *, code: int | None = None, preview: str = "") -> None:
        recorder = self._recorder
        recorder.add(
            FrameSent(
                **recorder.here(),
                connection=self.number,
                opcode=opcode,
                size=size,
                code=code,
                preview=preview,
            )
        )
