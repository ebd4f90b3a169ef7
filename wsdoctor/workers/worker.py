"""The worker: answers requests in a process with the user's application, the server and the client.

A second thread answers ``Sample`` while the main thread runs a session, or is stuck in one.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import traceback
from types import FrameType
from typing import BinaryIO

from msgspec import Struct
from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording.events import Stack, StackFrame
from wsdoctor.recording.recording import Recording
from wsdoctor.reference_apps.run import normal, warm_up
from wsdoctor.session.containers import Gauges
from wsdoctor.session.probes import Probe
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.session.server import protocol_class
from wsdoctor.sim.outside import believe_peers, known_peers
from wsdoctor.sim.threads import OWN_THREADS, believe_threads, known_threads
from wsdoctor.target import (
    Driver,
    Target,
    TargetError,
    TargetImportError,
    TargetSpec,
    UserCode,
    check_own_params,
    check_params,
    concrete_host,
    concrete_path,
    load,
    load_driver,
    load_probe,
    select_routes,
)
from wsdoctor.workers.messages import (
    Answer,
    Believe,
    Compare,
    Compared,
    Crashed,
    Ending,
    FoundOut,
    Load,
    Loaded,
    LoadedRoute,
    LoadFailed,
    Ran,
    Request,
    Run,
    Sample,
    Sampled,
    request,
    to_line,
)

_EXIT = os._exit

_NO_COPIES = "this system does not copy processes safely"
"""Why a process cannot be copied, unless a fork server knows better."""


class Worker:
    """Answers requests, one after the other. ``answers`` is where the lines go."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._writing = threading.Lock()
        self._main = threading.get_ident()
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._spec: TargetSpec | None = None
        self._target: Target | None = None
        self._user_code: UserCode | None = None
        self._handlers: dict[str, StackFrame | None] = {}
        self._driver: tuple[str, Target, Driver] | None = None
        self._recorder: Recorder | None = None

    def serve(self, requests: BinaryIO) -> None:
        """Serve until ``requests`` ends, and the process with it."""
        threading.Thread(target=self._listen, args=(requests,), daemon=True).start()
        while (wanted := self._requests.get()) is not None:
            self.say(self.answer(wanted))

    def answer(self, wanted: Request) -> Answer:
        """The answer to ``wanted``; a failure of wsdoctor's own is one, too."""
        try:
            return self._do(wanted)
        except Exception:  # noqa: BLE001 - reported as wsdoctor's own failure
            return Crashed(traceback.format_exc())

    def warm_up(self, server: str) -> None:
        """Import, look up and run once, without the application, what each case on ``server`` needs."""
        if protocol_class(server) is not None:
            warm_up(server)
        if self._user_code is not None:
            Gauges(self._user_code.modules())

    def learn(self, recording: Recording) -> None:
        """Look up what it took to record and to diagnose ``recording``: copies of this process know it."""
        with contextlib.suppress(Exception):  # the copy that it comes from has told
            diagnose(recording)
        if self._user_code is not None:
            for file in _files(recording):
                self._user_code.package_of(file)

    def _listen(self, requests: BinaryIO) -> None:
        OWN_THREADS.add(threading.get_ident())
        for line in requests:
            wanted = request(line)
            if isinstance(wanted, Sample):
                self.say(self._sample())
            elif isinstance(wanted, Believe):
                believe(wanted.found)
            else:
                self._requests.put(wanted)
        # The supervisor is gone, or done; the main thread may be stuck in the application.
        _EXIT(0)

    def say(self, answer: Answer, *, begin_anew: bool = False) -> None:
        """Write ``answer``; threads may do so at once. ``begin_anew``: the line before may be cut off."""
        with self._writing:
            self._answers.write(b"\n" * begin_anew + to_line(answer))
            self._answers.flush()

    def _do(self, wanted: Request) -> Answer:
        if isinstance(wanted, Load):
            return self._load(wanted)
        if isinstance(wanted, Compare):
            return Compared(normal(wanted.form, wanted.server, wanted.kind))
        assert isinstance(wanted, Run)
        return self._run(wanted)

    def _load(self, wanted: Load) -> Answer:
        self._spec = TargetSpec(wanted.spec, factory=wanted.factory, app_dir=wanted.app_dir)
        try:
            self._target = target = load(self._spec)
            self._user_code = target.user_code
            self._probes(wanted.probes)
            routes = select_routes(target.routes, wanted.paths, target.mounts)
            check_own_params((*target.routes, *target.mounts), wanted.route_params)
            params = {
                route.path: wanted.route_params.get(route.path, wanted.path_params)
                for route in routes
            }
            check_params(routes, {name: "" for own in params.values() for name in own})
            loaded = tuple(
                LoadedRoute(
                    path=route.path,
                    request_path=concrete_path(route, params[route.path]),
                    host=concrete_host(route, params[route.path]),
                    handler_name=route.handler_name,
                    handler=route.handler,
                    form=route.form,
                )
                for route in routes
            )
            for driver in wanted.drivers:
                self._driver_for(driver, target)
        except TargetImportError as error:
            return LoadFailed(str(error), error.traceback_text)
        except TargetError as error:
            return LoadFailed(str(error))
        self._handlers = {route.path: route.handler for route in routes}
        return Loaded(
            spec=target.spec,
            kind=target.kind,
            framework=target.framework,
            routes=loaded,
            mounts=tuple(mount.path for mount in target.mounts),
            roots=target.user_code.roots,
            apart=_NO_COPIES,
        )

    def _run(self, wanted: Run) -> Answer:
        recording, start_up = self._session(wanted)
        diagnosed = replace(diagnose(replace(recording, control=wanted.control)), start_up=start_up)
        if diagnosed.spotless and not wanted.keep:
            diagnosed = diagnosed.without_events()
        return Ran(diagnosed, FoundOut(known_threads(), known_peers()))

    def _session(self, wanted: Run) -> tuple[Recording, float]:
        """The Recording, and how long the application took to start."""
        target = self._target
        assert target is not None
        assert self._user_code is not None
        handler = self._handlers.get(wanted.case.route)
        driver = self._driver_for(wanted.case.driver, target)
        subject = SessionTarget(
            target.build(),
            target.framework,
            self._user_code,
            handler,
            driver,
            self._probes(wanted.case.probes),
        )
        self._recorder = recorder = Recorder(self._user_code)
        try:
            recording = run_case(
                wanted.case,
                subject,
                timing=wanted.timing,
                network=wanted.network,
                recorder=recorder,
                trace=wanted.trace,
                compare=True,
            )
        finally:
            self._recorder = None
        return recording, recorder.start_up

    def _probes(self, names: tuple[str, ...]) -> tuple[Probe, ...]:
        """The probes of those names."""
        assert self._spec is not None
        app_dir = self._spec.app_dir
        return tuple(Probe(name, load_probe(name, app_dir)) for name in names)

    def _driver_for(self, spec: str, target: Target) -> Driver | None:
        """The driver ``spec``, from the same import as ``target``: they may be one module."""
        if not spec:
            return None
        assert self._spec is not None
        known = self._driver
        if known is None or known[0] != spec or known[1] is not target:
            self._driver = known = (spec, target, load_driver(spec, self._spec.app_dir))
        return known[2]

    def _sample(self) -> Sampled:
        recorder = self._recorder
        frame = sys._current_frames().get(self._main)  # noqa: SLF001 - documented; faulthandler only prints
        if recorder is None or frame is None:
            return Sampled((), 0)
        stack = _stack(recorder, frame)
        return Sampled(stack, recorder.step(), recorder.beginning(), recorder.sources())

    def ending(self, called: str) -> None:
        """Say that the application has ``called`` for the end of this process, and where."""
        recorder = self._recorder
        if recorder is None:
            return
        stack = _stack(recorder, sys._getframe(2))  # noqa: SLF001 - documented; above the one that tells us
        self.say(Ending(called, stack, recorder.step(), tuple(recorder.events), recorder.sources()))


def believe(found: FoundOut) -> None:
    """Take over what another process of the application has found out."""
    believe_threads(found.threads)
    believe_peers(found.peers)


def _files(thing: object) -> set[str]:
    """The files of all stack frames in ``thing``."""
    if isinstance(thing, StackFrame):
        return {thing.file}
    if isinstance(thing, Struct):
        return set().union(*(_files(getattr(thing, name)) for name in thing.__struct_fields__))
    if isinstance(thing, tuple):
        return set().union(*map(_files, thing))
    return set()


def _stack(recorder: Recorder, frame: FrameType | None) -> Stack:
    """``frame`` and those that it was called from, outermost first."""
    frames = []
    while frame is not None:
        frames.append(recorder.frame(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    frames.reverse()
    return tuple(frames)
