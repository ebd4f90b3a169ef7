"""From a target to sessions: the handshake that reaches a route, and running cases in this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal
from urllib.parse import urlencode

from wsdoctor.explore.options import Options
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Recording
from wsdoctor.session.run import Subject, run_case
from wsdoctor.session.server import protocol_class
from wsdoctor.session.tap import ASGIApp
from wsdoctor.target import UserCode


def installed_servers() -> tuple[str, ...]:
    """The servers that can be run here."""
    return tuple(name for name in SERVERS if protocol_class(name) is not None)


def handshake(path: str, host: str, options: Options) -> Handshake:
    """The opening handshake for ``path``, with the headers, cookies and query of ``options``.

    ``host`` is the Host header that the route asks for, "" for that of the server.
    """
    cookies = "; ".join(f"{name}={value}" for name, value in options.cookies)
    return Handshake(
        path=path,
        query=urlencode(options.query),
        headers=(
            *((("Host", host),) if host else ()),
            *options.headers,
            *((("Cookie", cookies),) if cookies else ()),
        ),
        subprotocols=options.subprotocols,
    )


class InProcess:
    """Runs the cases of one route here. For code that is known not to freeze or to exit."""

    def __init__(
        self,
        build: Callable[[], ASGIApp],
        framework: str,
        user_code: UserCode,
        handler: StackFrame | None,
        options: Options,
    ) -> None:
        self._build = build
        self._framework = framework
        self._user_code = user_code
        self._handler = handler
        self._options = options

    def run(
        self,
        case: Case,
        *,
        fresh: bool,  # noqa: ARG002 - what was given as an object cannot be imported anew
        network: Literal["memory", "loopback"] = "memory",
    ) -> Recording:
        subject = Subject(self._build(), self._framework, self._user_code, self._handler)
        return run_case(
            case,
            subject,
            clock=self._options.clock,
            network=network,
            grace=self._options.grace,
        )
