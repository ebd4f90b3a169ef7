"""The driver's HTTP client: one request a connection, over the session's own network (RFC 9112)."""

from __future__ import annotations

import asyncio
import json as jsonlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Any, cast

import h11

from wsdoctor.recording.events import HttpExchanged
from wsdoctor.session.recorder import Recorder

Connect = Callable[[Callable[[], "_Exchange"]], Awaitable["_Exchange"]]
"""Connects a protocol to the server."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """The answer to a request. The names of ``headers`` are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    cookies: dict[str, str]

    @property
    def text(self) -> str:
        """The body as text, by its charset, or else as UTF-8."""
        _, _, charset = self.headers.get("content-type", "").partition("charset=")
        try:
            return self.body.decode(charset.strip(' "') or "utf-8", errors="replace")
        except LookupError:  # a charset that Python does not know
            return self.body.decode(errors="replace")

    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return jsonlib.loads(self.body)


class Http:
    """An HTTP client that is bound to the server under test.

    ``headers`` go with every request, and so do the cookies that the server has set. ``patience`` is
    in seconds of the session's clock, for each request.
    """

    def __init__(
        self,
        connect: Connect,
        recorder: Recorder,
        *,
        host: str,
        headers: Iterable[tuple[str, str]],
        patience: float,
    ) -> None:
        self._connect = connect
        self._recorder = recorder
        self._host = host
        self._headers = tuple(headers)
        self._patience = patience
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, *, headers: Mapping[str, str] | None = None) -> HttpResponse:
        """The answer to a GET of ``path``, which may have a query."""
        return await self.request("GET", path, headers=headers)

    async def post(
        self,
        path: str,
        *,
        json: Any = None,
        content: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """The answer to a POST of ``json``, or of ``content``."""
        return await self.request("POST", path, json=json, content=content, headers=headers)

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """The answer to one request, whatever its status.

        Raises TimeoutError if it does not come, and ConnectionError if the connection ends first.
        """
        body = content.encode() if isinstance(content, str) else content
        given = {"host": self._host, **{name.lower(): value for name, value in self._headers}}
        if json is not None:
            body = jsonlib.dumps(json).encode()
            given["content-type"] = "application/json"
        given |= {name.lower(): value for name, value in (headers or {}).items()}
        jar = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if jar:
            given["cookie"] = f"{given['cookie']}; {jar}" if given.get("cookie") else jar
        given |= {"connection": "close", "content-length": str(len(body))}
        request = h11.Request(method=method, target=path, headers=list(given.items()))
        exchange = await self._connect(lambda: _Exchange(request, body))
        try:
            async with asyncio.timeout(self._patience):
                response = await exchange.answer
        finally:
            exchange.end()
            recorder = self._recorder
            recorder.add(
                HttpExchanged(
                    **recorder.here(),
                    method=method,
                    path=path.partition("?")[0],
                    status=exchange.status,
                )
            )
        self.cookies |= response.cookies
        return response


class _Exchange(asyncio.Protocol):
    """One request and its answer."""

    def __init__(self, request: h11.Request, body: bytes) -> None:
        self._request = request
        self._body = body
        self._http = h11.Connection(h11.CLIENT)
        self._head: h11.Response | None = None
        self._parts: list[bytes] = []
        self._transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[HttpResponse] = asyncio.get_running_loop().create_future()

    @property
    def status(self) -> int:
        """0 until the answer begins."""
        return 0 if self._head is None else self._head.status_code

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        events = (self._request, h11.Data(data=self._body), h11.EndOfMessage())
        self._transport.write(b"".join(self._http.send(event) or b"" for event in events))

    def data_received(self, data: bytes) -> None:
        self._http.receive_data(data)
        self._read()

    def eof_received(self) -> None:
        self._http.receive_data(b"")
        self._read()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.answer.done():
            self._fail(exc or ConnectionError("the server closed the connection"))

    def end(self) -> None:
        """Close the connection, answered or not."""
        self.answer.cancel()
        if self._transport is not None:
            self._transport.close()

    def _read(self) -> None:
        try:
            while not self.answer.done():
                event = self._http.next_event()
                match event:
                    case h11.Response():
                        self._head = event
                    case h11.Data():
                        self._parts.append(bytes(event.data))
                    case h11.EndOfMessage():
                        self._finish()
                    case h11.NEED_DATA | h11.PAUSED | h11.ConnectionClosed():
                        return
        except h11.RemoteProtocolError as error:
            self._fail(ConnectionError(f"the answer is not HTTP, or cut off: {error}"))

    def _fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)

    def _finish(self) -> None:
        assert self._head is not None
        pairs = [
            (name.decode("ascii"), value.decode("latin-1")) for name, value in self._head.headers
        ]
        cookies: dict[str, str] = {}
        for name, value in pairs:
            if name == "set-cookie":
                try:
                    cookies |= {key: morsel.value for key, morsel in SimpleCookie(value).items()}
                except CookieError:  # a browser ignores such a one, too (RFC 6265, section 5.2)
                    continue
        self.answer.set_result(
            HttpResponse(
                status=self._head.status_code,
                headers=dict(pairs),
                body=b"".join(self._parts),
                cookies=cookies,
            )
        )
