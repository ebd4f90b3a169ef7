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

from wsdoctor.plan.kinds import BURST_KINDS
from wsdoctor.private.anyio import number_cancel_scopes
from wsdoctor.recording.case import RECONNECT, Case, SendStep
from wsdoctor.recording.events import (
    ConnectionsKept,
    Stack,
    StackFrame,
    WorkerLost,
)
from wsdoctor.recording.recording import Recording
from wsdoctor.session.awareness import Awareness
from wsdoctor.session.bystander import BystanderSession
from wsdoctor.session.imports import imported
from wsdoctor.session.lines import LineObserver
from wsdoctor.session.locks import LockObserver
from wsdoctor.session.logs import captured
from wsdoctor.session.probes import Probe
from wsdoctor.session.reconnect import ReconnectSession
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.referrers import thaw
from wsdoctor.session.resources import ResourceObserver
from wsdoctor.session.session import Session
from wsdoctor.session.tap import ASGIApp
from wsdoctor.session.thread_observer import ThreadObserver
from wsdoctor.session.threads import observed
from wsdoctor.session.timeouts import Timeouts, Timing
from wsdoctor.session.timers import TimerObserver
from wsdoctor.sim.engine import (
    Clock,
    EventLoop,
    NetworkName,
    new_event_loop,
)
from wsdoctor.target.driver import Driver
from wsdoctor.target.usercode import UserCode

_USUAL = Timing()
"""The timing of a session by default."""

_TURN = 1.0
"""Seconds that a task is given to end, each time that it is cancelled at the end of a session."""

_THREADS = min(32, (os.cpu_count() or 1) + 4)
"""As many as asyncio's default executor has."""


@dataclass(frozen=True, slots=True)
class SessionTarget:
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
    subject: SessionTarget,
    *,
    timing: Timing = _USUAL,
    network: NetworkName = "memory",
    recorder: Recorder | None = None,
    trace: bool = False,
    compare: bool = False,
) -> Recording:
    """The Recording of ``case``, run on a new event loop in this thread.

    A ``recorder`` of one's own can be looked at meanwhile.
    ``trace``: also note the lines of the user's that run. ``compare``: also note whether the application is
    as it was before.
    Raises KeyboardInterrupt if it is interrupted; whatever the application does is in the
    Recording, a SystemExit included.
    """
    recorder = recorder or Recorder(subject.user_code)
    with _quiet_collector(recorder):
        # In a function of its own: when it has returned, nothing holds the loop any more.
        return _record(
            case,
            subject,
            recorder,
            clock=timing.clock,
            network=network,
            patience=Timeouts.of(timing),
            trace=trace,
            compare=compare,
        )


def _record(
    case: Case,
    subject: SessionTarget,
    recorder: Recorder,
    *,
    clock: Clock,
    network: NetworkName,
    patience: Timeouts,
    trace: bool,
    compare: bool,
) -> Recording:
    if subject.handler is not None and subject.handler.user:
        recorder.remember(subject.handler.file)
    pool = concurrent.futures.ThreadPoolExecutor(_THREADS, thread_name_prefix="asyncio")
    number_cancel_scopes()
    lines = LineObserver(recorder, subject.handler)
    with (
        captured(recorder) as logs,
        ThreadObserver(recorder) as threads,
        LockObserver(recorder) as locks,
        ResourceObserver(recorder, threads.started_at) as resources,
        observed(recorder),
        contextlib.closing(new_event_loop(clock, network)) as loop,
        Awareness(loop) as awareness,
    ):
        loop.set_default_executor(pool)
        loop.wait_for_answers(patience.answer)
        began = loop.time()
        recorder.now = lambda: loop.time() - began
        recorder.step = lambda: loop.steps
        asyncio.set_event_loop(loop)
        course: type[Session] = BystanderSession if case.bystander else Session
        if case.kind == RECONNECT:
            course = ReconnectSession
        session = course(
            case,
            subject.app,
            recorder,
            loop,
            patience,
            awareness=awareness,
            threads=threads,
            timers=TimerObserver(recorder, loop),
            locks=locks,
            resources=resources,
            probes=subject.probes,
            driver=subject.driver,
            handler=subject.handler,
            compare=compare,
        )
        running = loop.create_task(session.run(logs))
        stopped = _watch_stops(loop, recorder)
        try:
            with lines if trace else contextlib.nullcontext():
                loop.run_until_complete(running)
        except RuntimeError:
            if running.done():
                raise
            # The application has stopped the loop: asyncio.run() raises this, and a server ends.
            recorder.add(
                WorkerLost(
                    **recorder.here(),
                    returncode=1,
                    stack=stopped[-1] if stopped else (),
                    called="loop.stop",
                )
            )
        except (SystemExit, KeyboardInterrupt) as error:
            # One that left a task of the application's: asyncio lets it through, and a server ends.
            if isinstance(error, KeyboardInterrupt) and not _nobody_interrupts():
                raise
            recorder.add(
                WorkerLost(
                    **recorder.here(),
                    returncode=_returncode(error),
                    stack=recorder.traceback(error.__traceback__),
                    called=type(error).__name__,
                )
            )
        finally:
            _drain(loop)
            # Without waiting: a thread may be in a call of the application's that never returns.
            pool.shutdown(wait=False, cancel_futures=True)
            asyncio.set_event_loop(None)
            # A reference to the recorder must not keep the loop, and everything with it, alive.
            ended, steps = recorder.now(), loop.steps
            recorder.now, recorder.step = lambda: ended, lambda: steps
    sources = recorder.sources()
    return Recording(
        case=case,
        clock=clock,
        framework=subject.framework,
        moments=tuple(session.moments),
        moments_left_out=session.moments_left_out,
        opened=session.opened,
        together=session.together,
        used_wall_time=session.used_wall_time,
        asked=session.asked,
        waited=session.waited,
        streamed=session.streamed,
        by_date=session.by_date,
        as_before=session.as_before,
        timer=session.timer,
        shared_timer=session.shared_timer,
        events=tuple(recorder.events),
        ran=lines.ran(),
        sources=sources,
        imported=imported(sources, recorder.user_code) if trace else {},
        handler=users(subject.handler),
        pooled=resources.pooled,
        read=session.read,
        grace=patience.grace,
        watched=session.watched,
        default_payload=case.made_up
        or (
            case.act in BURST_KINDS and not any(isinstance(step, SendStep) for step in case.script)
        ),
    )


def users(handler: StackFrame | None) -> StackFrame | None:
    """``handler`` if it is the user's code, and not that of a package which serves by itself."""
    return handler if handler is not None and handler.user else None


_settled: list[bool] = []


def settle() -> None:
    """Freeze what there is in this process, for the rest of its life and for its forks.

    For the collector to look at an object in a fork is to copy the page that it is on.
    """
    gc.collect()
    gc.freeze()
    _settled.append(True)


@contextlib.contextmanager
def _quiet_collector(recorder: Recorder) -> Iterator[None]:
    """Collect only when the session says so: the same case then gives the same events.

    Objects from before the session stay frozen. ``recorder`` is the recorder of the session.
    """
    enabled = gc.isenabled()
    gc.disable()
    gc.freeze()
    try:
        yield
    finally:
        # The loop, the server and the transports are one great cycle. While all that is older is
        # frozen, it is found in a moment; the automatic collection would hardly ever come to it.
        if thaw() and not (_settled and _is_the_last(recorder)):
            gc.unfreeze()  # a search for holders has frozen the session's own objects, too
        gc.collect()
        if _settled:
            gc.freeze()
        else:
            gc.unfreeze()
        if enabled:
            gc.enable()


def _is_the_last(recorder: Recorder) -> bool:
    """Whether a fork that has run this session runs no other: the user's code holds its connections.

    To collect all that is frozen is to copy each of its pages, for nothing.
    """
    return any(isinstance(event, ConnectionsKept) and event.holders for event in recorder.events)


def _watch_stops(loop: EventLoop, recorder: Recorder) -> list[Stack]:
    """Where ``loop.stop()`` is called from now on; asyncio does so itself when a run is complete."""
    stop, stopped = loop.stop, []

    def watched() -> None:
        stopped.append(recorder.calling_stack())
        stop()

    loop.stop = watched  # type: ignore[method-assign]  # there is no hook
    return stopped


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
        ending: tuple[type[BaseException], ...] = (SystemExit, RuntimeError)  # by loop.stop()
        if _nobody_interrupts():
            ending += (KeyboardInterrupt,)
        with contextlib.suppress(*ending):
            loop.run_until_complete(asyncio.wait(tasks, timeout=_TURN))
