"""The user's driver at work: what it is given, and how it ends."""

from __future__ import annotations

import asyncio
import json as jsonlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from wsdoctor.recording.case import Handshake, SendStep
from wsdoctor.session.client import Client, ScriptError
from wsdoctor.session.http import Http
from wsdoctor.target.driver import Driver

Open = Callable[[Handshake], Awaitable[Client]]
"""Opens the client's connection, with that handshake."""


class DriverFailedError(ScriptError):
    """The driver raised (``__cause__``), or returned without a connection; the text says which."""


class RefusedError(ScriptError):
    """The opening handshake was refused; the recording says how."""


class WebSocket:
    """The connection, as the driver has it: one that is opened once, and never closed by it.

    It is left open on purpose: to end it is what the session is about. ``patience`` is in seconds of
    the session's clock, for the handshake and for each message.
    """

    def __init__(self, open_client: Open, handshake: Handshake, patience: float) -> None:
        self._open = open_client
        self._handshake = handshake
        self._patience = patience
        self.client: Client | None = None

    @property
    def path(self) -> str:
        """The route's path, as ``connect()`` asks for it by default."""
        return self._handshake.path

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol that the server has chosen."""
        return None if self.client is None else self.client.subprotocol

    async def connect(
        self,
        path: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        subprotocols: Sequence[str] = (),
    ) -> None:
        """Open the connection, at the route's path or at ``path``, which may have a query.

        What the command line gives (``--header``, ``--query`` …) is part of the handshake, too;
        ``subprotocols`` stand in the place of its own. Raises ConnectionError if there was a
        connection already; a refusal or a handshake that is not answered ends the driver.
        """
        if self.client is not None:
            raise ConnectionError("a driver has one connection, and it was opened already")
        default = self._handshake
        path, _, query = path.partition("?")
        handshake = replace(
            default,
            path=path or default.path,
            query="&".join(filter(None, (query, default.query))),
            headers=(*default.headers, *(headers or {}).items()),
            subprotocols=tuple(subprotocols) or default.subprotocols,
        )
        self.client = await self._open(handshake)
        try:
            async with asyncio.timeout(self._patience):
                accepted = await self.client.opened()
        except TimeoutError:
            raise ScriptError("the handshake") from None
        if not accepted:
            raise RefusedError("the handshake to be accepted")

    async def send(self, data: str | bytes | None = None, *, json: Any = None) -> None:
        """Send one message: text, bytes, or ``json`` as text."""
        if isinstance(data, bytes | bytearray):
            self._connected().send(SendStep(hex=bytes(data).hex()))
        else:
            self._connected().send(SendStep(text=jsonlib.dumps(json) if data is None else data))

    async def recv(self) -> str | bytes:
        """The next message. One that does not come, or the end of the connection, ends the driver."""
        return await self._connected().next_message(self._patience)

    def _connected(self) -> Client:
        if self.client is None:
            raise ConnectionError("there is no connection yet: begin with `await ws.connect()`")
        return self.client


async def drive(driver: Driver, http: Http, socket: WebSocket, patience: float) -> Client:
    """Run ``driver``: the client of the connection that it opened.

    Raises ScriptError if it did not come to its end: DriverFailedError if that is the user's doing.
    """
    limit = asyncio.timeout(patience)
    try:
        async with limit:
            await driver(http, socket)
    except ScriptError:
        raise
    except TimeoutError as error:
        if not limit.expired():
            raise DriverFailedError(_raised(error)) from error
        raise ScriptError(f"the driver, which had not returned after {patience:g} s") from None
    except (Exception, SystemExit) as error:
        raise DriverFailedError(_raised(error)) from error
    if socket.client is None:
        raise DriverFailedError("returned without `await ws.connect()`")
    socket.client.forget()
    return socket.client


def _raised(error: BaseException) -> str:
    text = str(error)
    return f"raised {type(error).__name__}{f': {text}' if text else ''}"
