"""From a target to sessions: the handshake that reaches a route, and those who run its cases."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import Literal, Self
from urllib.parse import urlencode

from msgspec.structs import replace

from wsdoctor.diagnosis.comparable import Shown
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.engine.runner import Runner
from wsdoctor.options.check import Options
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.recording.recording import Control, Recording
from wsdoctor.reference_apps.run import normal
from wsdoctor.session.bystander import control_case, control_of
from wsdoctor.session.probes import Probe
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.session.server import protocol_class
from wsdoctor.sim.engine import NetworkName
from wsdoctor.target import Route, Target, TargetError, load_driver
from wsdoctor.workers.messages import Load, Loaded
from wsdoctor.workers.supervisor import OutOfTimeError, Supervisor


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


class LocalRunner:
    """Runs the cases of a target here. For code that is known not to freeze or to exit."""

    def __init__(
        self,
        target: Target,
        routes: Iterable[Route],
        options: Options,
        probes: Mapping[str, Callable[[], object]] | None = None,
    ) -> None:
        self._target = target
        self._options = options
        self._probes = probes or {}
        self._handlers = {route.path: route.handler for route in routes}
        self._controls: dict[tuple[Case, NetworkName], Control] = {}
        self._deadline = math.inf
        self._started = False

    def end_at(self, deadline: float) -> None:
        self._deadline = deadline  # a case that has begun goes on: nothing can end it

    @property
    def notes(self) -> tuple[str, ...]:
        return ()

    def runners(self, count: int) -> Sequence[Runner]:  # noqa: ARG002 - there is one process, and one import
        return (self,)

    def run(
        self,
        case: Case,
        *,
        fresh: bool,  # noqa: ARG002 - what was given as an object cannot be imported anew
        network: Literal["memory", "loopback"] = "memory",
        keep: bool = True,  # noqa: ARG002 - they are here already
        trace: bool = False,
    ) -> Diagnosed:
        control = None
        if case.bystander:
            key = (control_case(case), network)
            if key not in self._controls:
                self._controls[key] = control_of(self._session(*key))
            control = self._controls[key]
        return diagnose(replace(self._session(case, network, trace=trace), control=control))

    def _session(self, case: Case, network: NetworkName, *, trace: bool = False) -> Recording:
        if time.monotonic() >= self._deadline:
            raise OutOfTimeError
        target, options = self._target, self._options
        subject = SessionTarget(
            target.build(),
            target.framework,
            target.user_code,
            self._handlers.get(case.route),
            load_driver(case.driver) if case.driver else None,
            tuple(Probe(name, self._probes[name]) for name in case.probes),
        )
        recording = run_case(
            case,
            subject,
            timing=options.timing,
            network=network,
            trace=trace,
        )
        failed = Connection(recording).startup_failed
        if failed and self._started:
            raise TargetError(
                f"'{target.spec}' does not start a second time in one process: give it as a string, "
                "'module:attribute', so that it is run in processes of its own"
            )
        self._started |= not failed
        return recording

    def compare(self, form: str, server: str, kind: str) -> frozenset[Shown]:
        return normal(form, server, kind)

    def close(self) -> None:
        """An interrupt ends what runs in this process."""


class WorkerPool:
    """Runs the cases of a target in worker processes, each with a supervisor of its own.

    Use as a context manager: leaving it ends the processes.
    """

    def __init__(self, load: Load, options: Options) -> None:
        self._load = load
        self._options = options
        self._open = ExitStack()
        self._supervised: list[_Supervised] = []
        self._deadline = math.inf

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        self._open.close()

    def end_at(self, deadline: float) -> None:
        self._deadline = deadline
        for one in self._supervised:
            one.supervisor.until = deadline

    def load(self) -> Loaded:
        """The target's routes. Raises TargetError, WorkerError or OutOfTimeError."""
        return self.runners(1)[0].supervisor.load()

    def runners(self, count: int) -> Sequence[_Supervised]:
        while len(self._supervised) < count:
            supervisor = self._open.enter_context(Supervisor(self._load))
            supervisor.until = self._deadline
            self._supervised.append(_Supervised(supervisor, self._options))
        return self._supervised[:count]

    @property
    def notes(self) -> tuple[str, ...]:
        """What the workers have to say of the target, each sentence once."""
        return tuple(dict.fromkeys(n for one in self._supervised for n in one.supervisor.notes))


class _Supervised:
    """Runs cases in a supervisor's worker."""

    def __init__(self, supervisor: Supervisor, options: Options) -> None:
        self.supervisor = supervisor
        self._options = options

    def run(
        self,
        case: Case,
        *,
        fresh: bool,
        network: Literal["memory", "loopback"] = "memory",
        keep: bool = True,
        trace: bool = False,
    ) -> Diagnosed:
        return self.supervisor.run(
            case,
            self._options.timing,
            fresh=fresh,
            network=network,
            keep=keep,
            trace=trace,
        )

    def compare(self, form: str, server: str, kind: str) -> frozenset[Shown]:
        return self.supervisor.compare(form, server, kind)

    def close(self) -> None:
        self.supervisor.close()
