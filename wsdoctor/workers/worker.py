"""The worker process: the user's application, the server and the client, all in here.

``python -m wsdoctor.workers.worker`` takes requests on its standard input and answers on what was
its standard output; what the application prints goes to standard error. A second thread answers
``Sample`` while the main thread runs a session, or is stuck in one.
"""

from __future__ import annotations

import atexit
import importlib
import logging
import os
import queue
import signal
import sys
import threading
import traceback
from logging.handlers import QueueListener
from types import ModuleType
from typing import BinaryIO

from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Control, Recording
from wsdoctor.session.beside import control_case, control_of
from wsdoctor.session.probes import Probe
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.run import Subject, run_case
from wsdoctor.sim.threads import OWN_THREADS
from wsdoctor.smallest.run import normal
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
    Compare,
    Compared,
    Crashed,
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


class Worker:
    """Answers requests, one after the other. ``answers`` is where the lines go."""

    def __init__(self, answers: BinaryIO) -> None:
        self._answers = answers
        self._writing = threading.Lock()
        self._main = threading.get_ident()
        self._requests: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._spec: TargetSpec | None = None
        self._target: Target | None = None
        # That of the first import: it remembers what it has decided about every library file.
        self._user_code: UserCode | None = None
        self._handlers: dict[str, StackFrame | None] = {}
        self._driver: tuple[str, Target, Driver] | None = None
        self._used = False
        self._reloads = True
        self._recorder: Recorder | None = None
        self._controls: dict[Run, Control] = {}

    def serve(self, requests: BinaryIO) -> None:
        """Serve until ``requests`` ends."""
        threading.Thread(target=self._listen, args=(requests,), daemon=True).start()
        while (wanted := self._requests.get()) is not None:
            try:
                self._answer(self._do(wanted))
            except Exception:  # noqa: BLE001 - reported as wsdoctor's own failure
                self._answer(Crashed(traceback.format_exc()))

    def _listen(self, requests: BinaryIO) -> None:
        OWN_THREADS.add(threading.get_ident())
        for line in requests:
            wanted = request(line)
            if isinstance(wanted, Sample):
                self._answer(self._sample())
            else:
                self._requests.put(wanted)
        # The supervisor is gone, or done; the main thread may be stuck in the application.
        os._exit(0)

    def _answer(self, answer: Answer) -> None:
        with self._writing:
            self._answers.write(to_line(answer))
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
        )

    def _run(self, wanted: Run) -> Answer:
        control = None
        if wanted.case.bystander:
            control, wanted = self._control(wanted)
        recording, note = self._session(wanted)
        diagnosed = diagnose(replace(recording, control=control))
        if diagnosed.spotless and not wanted.keep:
            diagnosed = diagnosed.without_events()
        return Ran(diagnosed, note)

    def _control(self, wanted: Run) -> tuple[Control, Run]:
        """The control of a case with a bystander, and how to run the case after it."""
        control = replace(wanted, case=control_case(wanted.case), fresh=True, keep=True)
        if control not in self._controls:
            self._controls[control] = control_of(self._session(control)[0])
            wanted = replace(wanted, fresh=True)
        return self._controls[control], wanted

    def _session(self, wanted: Run) -> tuple[Recording, str]:
        assert self._user_code is not None
        target, note = self._target_for(wanted, self._user_code)
        handler = self._handlers.get(wanted.case.route)
        driver = self._driver_for(wanted.case.driver, target)
        subject = Subject(
            target.build(),
            target.framework,
            self._user_code,
            handler,
            driver,
            self._probes(wanted.case.probes),
        )
        self._recorder = Recorder(self._user_code)
        try:
            recording = run_case(
                wanted.case,
                subject,
                clock=wanted.clock,
                network=wanted.network,
                grace=wanted.grace,
                recorder=self._recorder,
            )
        finally:
            self._recorder = None
        return recording, note

    def _probes(self, names: tuple[str, ...]) -> tuple[Probe, ...]:
        """The probes of those names, on the import of the target that is there now."""
        assert self._spec is not None
        app_dir = self._spec.app_dir
        return tuple(Probe(name, load_probe(name, app_dir)) for name in names)

    def _target_for(self, wanted: Run, user_code: UserCode) -> tuple[Target, str]:
        """The target, imported anew if asked for: nothing is left in its modules' globals.

        Event loops come and go with the cases, and what asyncio binds to a loop (a module's Lock or
        Queue) does not survive that; nor would a set of connections that is never cleaned be the
        fault of the case that finds it full.
        """
        target = self._target
        assert target is not None
        assert self._spec is not None
        if not self._used or not self._reloads or not wanted.fresh:
            self._used = True
            return target, ""
        kept = _take_out(user_code)
        listeners = _log_listeners()
        try:
            self._target = target = load(self._spec)
        except TargetError as error:
            sys.modules.update(kept)
            self._reloads = False
            return (
                target,
                f"the target cannot be imported twice ({error}), so all cases share one import of it",
            )
        for listener in listeners - _log_listeners_in_use():
            listener.stop()
            atexit.unregister(listener.stop)
        return target, ""

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
        frames = []
        while frame is not None:
            frames.append(recorder.frame(frame.f_code, frame.f_lineno))
            frame = frame.f_back
        frames.reverse()
        return Sampled(tuple(frames), recorder.step(), tuple(recorder.events), recorder.sources())


def _log_listeners() -> set[QueueListener]:
    """The threads by which applications write their logs, as Litestar does by default.

    Each import of such an application starts one, and none of them ever ends.
    """
    owners = (
        getattr(getattr(thread, "_target", None), "__self__", None)
        for thread in threading.enumerate()
    )
    return {owner for owner in owners if isinstance(owner, QueueListener)}


def _log_listeners_in_use() -> set[QueueListener]:
    """Those that belong to a handler of some logger."""
    root = logging.getLogger()
    loggers = [
        root,
        *(item for item in root.manager.loggerDict.values() if isinstance(item, logging.Logger)),
    ]
    found = (
        getattr(handler, "listener", None) for logger in loggers for handler in logger.handlers
    )
    return {listener for listener in found if isinstance(listener, QueueListener)}


def _take_out(user_code: UserCode) -> dict[str, ModuleType]:
    """Remove the user's modules from ``sys.modules``; what was removed."""
    taken = {
        name: module
        for name, module in list(sys.modules.items())
        if name != "__main__" and user_code.is_user(getattr(module, "__file__", None) or "")
    }
    for name in taken:
        del sys.modules[name]
    importlib.invalidate_caches()
    return taken


def main() -> None:
    """The process's whole life."""
    # Ctrl-C goes to the supervisor, which ends us.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Neither the application nor a process that it starts is to write or read between our lines.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    Worker(answers).serve(requests)


if __name__ == "__main__":
    main()
