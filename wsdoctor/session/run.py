"""Run one case on a new event loop, and give the Recording."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import gc
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wsdoctor.recording.case import Case, SendStep
from wsdoctor.recording.events import (
    StackFrame,
    WorkerLost,
)
from wsdoctor.recording.recording import Recording
from wsdoctor.session.beside import CourseBeside
from wsdoctor.session.course import Course
from wsdoctor.session.holders import thaw
from wsdoctor.session.left_threads import ThreadObserver
from wsdoctor.session.locks import LockObserver
from wsdoctor.session.logs import captured
from wsdoctor.session.patience import Patience
from wsdoctor.session.probes import Probe
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.tap import ASGIApp
from wsdoctor.session.threads import observed
from wsdoctor.sim.engine import (
    Clock,
    EventLoop,
    NetworkName,
    new_event_loop,
)
from wsdoctor.sim.private import number_cancel_scopes
from wsdoctor.target.driver import Driver
from wsdoctor.target.usercode import UserCode

_TURN = 1.0
"""Seconds that a task is given to end, each time that it is cancelled at the end of a session."""

_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""As many as asyncio's default executor has."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a session runs: an application, and what is needed to read its stacks.

    ``driver`` is the function that the case's ``driver`` names.
    """

    app: ASGIApp
    framework: str
    user_code: UserCode
    handler: StackFrame | None = None
    driver: Driver | None = None
    probes: tuple[Probe, ...] = ()


def run_case(
    case: Case,
    subject: Subject,
    *,
    clock: Clock = "virtual",
    network: NetworkName = "memory",
    grace: float = 0.5,
    recorder: Recorder | None = None,
) -> Recording:
    """The Recording of ``case``, run on a new event loop in this thread.

    ``grace`` is in seconds of ``clock``. A ``recorder`` of one's own can be looked at meanwhile.
    Raises KeyboardInterrupt if it is interrupted; whatever the application does is in the
    Recording, a SystemExit included.
    """
    with _quiet_collector():
        # In a function of its own: when it has returned, nothing holds the loop any more.
        return _record(
            case,
            subject,
            recorder or Recorder(subject.user_code),
            clock=clock,
            network=network,
            grace=grace,
        )


def _record(
    case: Case,
    subject: Subject,
    recorder: Recorder,
    *,
    clock: Clock,
    network: NetworkName,
    grace: float,
) -> Recording:
    patience = Patience.for_clock(clock, grace)
    if subject.handler is not None and subject.handler.user:
        recorder.remember(subject.handler.file)
    pool = concurrent.futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="asyncio")
    number_cancel_scopes()
    with (
        captured(recorder) as logs,
        ThreadObserver(recorder) as threads,
        LockObserver(recorder) as locks,
        observed(recorder),
        contextlib.closing(new_event_loop(clock, network)) as loop,
    ):
        loop.set_default_executor(pool)
        began = loop.time()
        recorder.now = lambda: loop.time() - began
        recorder.step = lambda: loop.steps
        asyncio.set_event_loop(loop)
        course = CourseBeside if case.bystander else Course
        session = course(
            case,
            subject.app,
            recorder,
            loop,
            patience,
            threads=threads,
            locks=locks,
            probes=subject.probes,
            driver=subject.driver,
        )
        try:
            loop.run_until_complete(session.run(logs))
        except (SystemExit, KeyboardInterrupt) as error:
            # One that left a task of the application's: asyncio lets it through, and a server ends.
            if isinstance(error, KeyboardInterrupt) and not _nobody_interrupts():
                raise
            recorder.add(
                WorkerLost(time=recorder.now(), step=recorder.step(), returncode=_returncode(error))
            )
        finally:
            _drain(loop)
            # Without waiting: a thread may be in a call of the application's that never returns.
            pool.shutdown(wait=False, cancel_futures=True)
            asyncio.set_event_loop(None)
    return Recording(
        case=case,
        clock=clock,
        framework=subject.framework,
        moments=tuple(session.moments),
        moments_left_out=session.moments_left_out,
        opened=session.opened,
        together=session.together,
        used_wall_time=session.used_wall_time,
        events=tuple(recorder.events),
        sources=recorder.sources(),
        handler=users(subject.handler),
        read=session.read,
        grace=grace,
        watched=session.watched,
        default_payload=case.act == "burst"
        and not any(isinstance(step, SendStep) for step in case.script),
    )


def users(handler: StackFrame | None) -> StackFrame | None:
    """``handler`` if it is the user's code, and not that of a package which serves by itself."""
    return handler if handler is not None and handler.user else None


@contextlib.contextmanager
def _quiet_collector() -> Iterator[None]:
    """Collect only when the session says so: the same case then gives the same events."""
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        # The loop, the server and the transports are one great cycle. While all that is older is
        # frozen, it is found in a moment; the automatic collection would hardly ever come to it.
        if thaw():
            gc.unfreeze()  # a search for holders has frozen the session's own objects, too
        gc.collect()
        gc.unfreeze()
        if enabled:
            gc.enable()


def _nobody_interrupts() -> bool:
    """Whether SIGINT is ignored here, as in a worker: a KeyboardInterrupt is then the application's."""
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def _returncode(error: SystemExit | KeyboardInterrupt) -> int:
    """The exit code of the process that ``error`` would have ended (sys.exit)."""
    if isinstance(error, KeyboardInterrupt):
        return 130  # 128 + SIGINT, as shells say
    if error.code is None:
        return 0
    return error.code if isinstance(error.code, int) else 1


def _drain(loop: EventLoop) -> None:
    """Cancel what is left, and give it a few turns to end; one that refuses is left behind."""
    loop.set_exception_handler(lambda _loop, _context: None)
    for _ in range(3):
        left = asyncio.all_tasks(loop)
        if not left:
            break
        for task in left:
            task.cancel()
        _turn(loop, left)
    # A generator's clean-up may wait for ever, too: its turn is over when its time is.
    closing = loop.create_task(loop.shutdown_asyncgens())
    _turn(loop, {closing})
    for task in asyncio.all_tasks(loop):
        task.cancel()
    _turn(loop, asyncio.all_tasks(loop))


def _turn(loop: EventLoop, tasks: set[asyncio.Task[Any]]) -> None:
    """Some time for ``tasks`` to end; what they try to end besides themselves is of no interest."""
    if tasks:
        ending = (SystemExit, KeyboardInterrupt) if _nobody_interrupts() else (SystemExit,)
        with contextlib.suppress(*ending):
            loop.run_until_complete(asyncio.wait(tasks, timeout=_TURN))
