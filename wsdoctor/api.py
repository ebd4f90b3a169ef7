"""The Python API: what the command line does, as functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from wsdoctor.explore.checkup import check as check_target
from wsdoctor.explore.checkup import check_object
from wsdoctor.explore.options import Confirm, Options
from wsdoctor.explore.variants import run_variant as run_built_in
from wsdoctor.plan import PlanError
from wsdoctor.plan.budget import ANSWER_TIME, CONFIRM_TIME, STARTUP_TIME
from wsdoctor.plan.kinds import parse_kind
from wsdoctor.plan.moments import parse_moment
from wsdoctor.plan.servers import parse_server
from wsdoctor.recording.case import SleepStep, Step
from wsdoctor.recording.recording import GRACE
from wsdoctor.report.model import Report
from wsdoctor.report.redaction import redact
from wsdoctor.settings.inputs import MOST_ANSWER, MOST_GRACE, MOST_SLEEP, seconds
from wsdoctor.target import load_probe

Clock = Literal["virtual", "wall"]
Depth = Literal["quick", "full"]
Application = Callable[..., Any]


def check(
    target: str | Application,
    *,
    paths: Iterable[str] = (),
    headers: Mapping[str, str] | None = None,
    cookies: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    subprotocols: Iterable[str] = (),
    path_params: Mapping[str, str] | None = None,
    script: Iterable[Step] = (),
    probes: Iterable[str | Callable[[], object]] = (),
    driver: str = "",
    servers: Iterable[str] = (),
    kinds: Iterable[str] = (),
    moments: Iterable[str] = (),
    depth: Depth = "full",
    clock: Clock = "virtual",
    grace: float = GRACE,
    startup_time: float = STARTUP_TIME,
    answer_time: float = ANSWER_TIME,
    workers: int = 1,
    max_time: float | None = None,
    confirm: Confirm = "emitted",
    confirm_time: float = CONFIRM_TIME,
    bystander: bool = True,
    made_up_message: bool = True,
    factory: bool = False,
    app_dir: str | None = None,
) -> Report:
    """The Report on how the WebSocket routes of ``target`` take the end of their connections.

    ``target`` is an ASGI application, or a string as ``wsdoctor check`` takes it: ``"module:attr"``
    or ``"path/to/file.py:attr"`` (``factory`` and ``app_dir`` belong to such strings). ``paths``
    narrows the check to some routes; empty ``servers``, ``kinds`` and ``moments`` mean all of them.
    ``headers``, ``cookies``, ``query``, ``subprotocols``, ``path_params`` and ``script`` get the
    client past the handshake and to the state in which it disconnects; the values of the first
    three do not occur in the Report. ``driver`` is a coroutine function of your own, written
    ``"file.py:function"``, that opens the connection and drives it, for handshakes that those do not
    cover. ``probes`` must be what they were before when a connection has ended: functions (of an
    object; they may be coroutine functions), or ``"module:attribute"`` as for ``--probe``.
    ``grace`` is the time in seconds of ``clock`` that a handler
    may take to end, and ``startup_time`` that in wall seconds that the application has to start.
    ``answer_time`` is how long the virtual clock waits for an answer from outside, in wall seconds. ``depth`` is ``full`` (every moment of the connection's life) or ``quick`` (the
    named moments). A target that is a string runs in ``workers`` processes; an object runs in this
    one. ``bystander``: unless ``kinds`` are given, also look at what a second client gets while the
    first one leaves or stalls. ``made_up_message``: where ``script`` sends nothing and a handler waits for
    a message, also hold a conversation with one that is made up from its source. What goes on ``max_time`` wall seconds from now is ended; the verdict then says so.
    ``confirm`` says how findings are confirmed: not at all (``none``), on ``loopback`` sockets, or by
    running the ``emitted`` test of each on stock asyncio as well, which takes a target that is a string;
    no such test begins later than ``confirm_time`` wall seconds after the first.

    Raises TargetError if the target or the driver cannot be loaded, or the driver raises, and PlanError for a server, kind or moment
    that does not exist, and InputError for a time that makes no sense. What is wrong with the application is in the Report, not an exception.
    """
    steps = tuple(script)
    for step in steps:
        if isinstance(step, SleepStep):
            seconds(step.seconds, "a SleepStep", MOST_SLEEP)
    readers = _probes(probes, own_process=isinstance(target, str))
    options = Options(
        servers=tuple(map(parse_server, servers)),
        kinds=tuple(map(parse_kind, kinds)),
        moments=tuple(map(parse_moment, moments)),
        paths=tuple(paths),
        headers=tuple((headers or {}).items()),
        cookies=tuple((cookies or {}).items()),
        query=tuple((query or {}).items()),
        subprotocols=tuple(subprotocols),
        path_params=dict(path_params or {}),
        script=steps,
        probes=tuple(readers),
        driver=driver,
        depth=depth,
        clock=clock,
        grace=seconds(grace, "grace", MOST_GRACE),
        startup_time=seconds(startup_time, "startup_time"),
        answer_time=seconds(answer_time, "answer_time", MOST_ANSWER),
        workers=workers,
        max_time=None if max_time is None else seconds(max_time, "max_time"),
        confirm=confirm,
        confirm_time=seconds(confirm_time, "confirm_time"),
        bystander=bystander,
        made_up_message=made_up_message,
    )
    if isinstance(target, str):
        report = check_target(target, options, factory=factory, app_dir=app_dir)
    else:
        report = check_object(target, options, probes=readers)
    return redact(report, options.secrets)


def _probes(
    probes: Iterable[str | Callable[[], object]], *, own_process: bool
) -> dict[str, Callable[[], object]]:
    """What reads each probe, by its name; in a process of its own the worker looks for it by that."""
    found: dict[str, Callable[[], object]] = {}
    for probe in probes:
        if isinstance(probe, str):
            found[probe] = load_probe(probe, None) if not own_process else _elsewhere
        elif own_process:
            msg = (
                f"the probe {probe!r} cannot be called: a target that is given as a string runs in a "
                "process of its own, so give the probe as 'module:attribute'"
            )
            raise PlanError(msg)
        else:
            name = getattr(probe, "__qualname__", None) or repr(probe)
            found[name if name not in found else f"{name}#{len(found) + 1}"] = probe
    return found


def _elsewhere() -> object:
    raise AssertionError("a probe of a worker's is not read here")


def run_variant(
    name: str,
    *,
    servers: Iterable[str] = (),
    kinds: Iterable[str] = (),
    moments: Iterable[str] = (),
    depth: Depth = "quick",
    clock: Clock = "virtual",
) -> Report:
    """The Report on the built-in variant ``name``; ``report.declared`` says if it is as declared.

    ``depth`` ``full`` disconnects at every moment of the connection's life.

    Raises UnknownVariantError and PlanError for names that do not exist.
    """
    options = Options(
        servers=tuple(map(parse_server, servers)),
        kinds=tuple(map(parse_kind, kinds)),
        moments=tuple(map(parse_moment, moments)),
        depth=depth,
        clock=clock,
    )
    return run_built_in(name, options)
