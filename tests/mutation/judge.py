"""What wsdoctor says of a program, and how it behaves: both from the same sessions, in this process.

``serve`` is the life of a process that judges one program after the other. It says after each case
that it is still there; one that does not say so any more is frozen, and is to be ended.
"""

from __future__ import annotations

import atexit
import functools
import importlib
import logging
import os
import re
import sys
import threading
import traceback
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from io import BytesIO
from logging.handlers import QueueListener
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from types import ModuleType
from typing import Literal

from tests.mutation.observe import Behaviour, behaviour, conversation, registries
from wsdoctor.diagnosis.comparable import Shown
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.engine.check import route_targets
from wsdoctor.engine.confirm import exhibits
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import NoProgress
from wsdoctor.engine.runners import installed_servers
from wsdoctor.engine.selection import choose
from wsdoctor.engine.steps import examine
from wsdoctor.options.check import Options
from wsdoctor.plan.moments import EVERY, SURVEY
from wsdoctor.recording.case import Case
from wsdoctor.recording.recording import Control
from wsdoctor.reference_apps.run import normal
from wsdoctor.session.bystander import control_case, control_of
from wsdoctor.sim.engine import NetworkName
from wsdoctor.workers import messages
from wsdoctor.workers.messages import Load, Loaded, Ran, Run
from wsdoctor.workers.worker import Worker

SERVER = "uvicorn:websockets-sansio"
"""The default of uvicorn."""

IN_MEMORY = " in memory only"
"""Behind the code of a finding that did not come up again on real sockets."""

FIRST: tuple[Options, ...] = (
    Options(servers=(SERVER,), kinds=("close",)),
    Options(servers=(SERVER,), kinds=("abort", "burst", "stall", "shutdown")),
)
"""Where nearly all show: the named moments of a few kinds."""

WIDE: tuple[Options, ...] = (
    Options(
        servers=(SERVER,),
        kinds=("close", "abort", "fin", "burst", "stall-close", "shutdown-timeout"),
        depth="full",
    ),
    Options(
        servers=(SERVER,),
        kinds=(
            *("close:1001", "no-code", "vanish", "stall", "partial-frame", "protocol-error"),
            *("oversize", "shutdown", "before-accept", "eof", "stall-abort", "reconnect"),
        ),
    ),
    Options(
        servers=("uvicorn:websockets", "uvicorn:wsproto"),
        kinds=("close", "abort", "burst", "shutdown", "before-accept"),
    ),
)
"""Every moment of the kinds that differ, and the named ones of those that are much like one of them; and
the named moments on the other servers."""

EVERY_KIND: tuple[Options, ...] = (Options(servers=(SERVER,)),)
"""The named moments of every kind."""


@dataclass(frozen=True)
class Task:
    """A program to judge: ``file``, of which ``options`` reach the route.

    ``steps`` are gone through until something is found, all of them if ``to_the_end``.
    """

    file: Path
    options: Options
    steps: tuple[Options, ...]
    to_the_end: bool = False


@dataclass
class Answer:
    """``findings`` are those above info: code, severity, line and message; empty if there are none.

    ``told`` are those that are info: the code, and the message without its numbers. ``seen`` are the behaviours by server and kind. ``failed`` says why it could not be run.
    """

    findings: tuple[tuple[str, str, int, str], ...] = ()
    seen: dict[str, frozenset[Behaviour]] = field(default_factory=dict)
    told: tuple[tuple[str, str], ...] = ()
    cases: int = 0
    failed: str = ""


_normal = functools.cache(normal)


class Here:
    """Runs the cases of one program here, as a worker process does, and looks at what they show."""

    notes: tuple[str, ...] = ()

    def __init__(self, file: Path, options: Options, alive: Callable[[], None]) -> None:
        self._file = file
        self._options = options
        self._alive = alive
        self._worker = Worker(BytesIO())
        self.seen: defaultdict[str, set[Behaviour]] = defaultdict(set)
        self.cases = 0
        self._load = Load(f"{file}:app", paths=options.paths)
        loaded = self._do(self._load)
        if not isinstance(loaded, Loaded):
            raise TypeError(loaded.message)  # type: ignore[union-attr]  # the only other answer
        self.loaded = loaded
        self._name = next(
            name
            for name, module in list(sys.modules.items())
            if getattr(module, "__file__", None) == str(self._file)
        )
        self._empty = registries(self._module())
        self._used = False
        self._controls: dict[tuple[Case, NetworkName], Control] = {}

    def _do(self, wanted: Load | Run) -> messages.Answer:
        return self._worker._do(wanted)

    def _renew(self) -> None:
        """Import the program anew: a worker process would run the next case in a copy of itself."""
        del sys.modules[self._name]
        importlib.invalidate_caches()
        listeners = _log_listeners()
        known = self._worker._user_code  # it remembers what it has decided about every library file
        self._do(self._load)
        self._worker._user_code = known
        for listener in listeners - _log_listeners_in_use():
            listener.stop()
            atexit.unregister(listener.stop)

    def _session(
        self, case: Case, network: NetworkName, *, fresh: bool, control: Control | None = None
    ) -> Ran:
        if fresh and self._used:
            self._renew()
        self._used = True
        ran = self._do(Run(case, self._options.timing, network=network, keep=True, control=control))
        assert isinstance(ran, Ran)
        return ran

    def _module(self) -> ModuleType:
        return sys.modules[self._name]

    def runners(self, count: int) -> Sequence[Here]:
        return (self,)

    def end_at(self, deadline: float) -> None:
        """A judgement has all the time that it takes."""

    def run(
        self,
        case: Case,
        *,
        fresh: bool,
        network: Literal["memory", "loopback"] = "memory",
        keep: bool = True,
        trace: bool = False,
    ) -> Diagnosed:
        self._alive()
        control = None
        if case.bystander:
            key = control_case(case), network
            if key not in self._controls:
                controlled = self._session(*key, fresh=True).diagnosed
                self._controls[key], fresh = control_of(controlled.recording), True
            control = self._controls[key]
        before = self._empty if fresh else registries(self._module())
        ran = self._session(case, network, fresh=fresh, control=control)
        diagnosed, self.cases = ran.diagnosed, self.cases + 1
        after = registries(self._module())
        grown = {name: size - before.get(name, 0) for name, size in after.items()}
        place = f"{case.server} {case.kind}"
        if network == "memory":
            recording = diagnosed.recording
            if case.moment in {SURVEY, EVERY}:
                self.seen[f"{place} {case.moment}"].add(conversation(recording))
            else:
                self.seen[place].add(behaviour(recording, grown))
        if diagnosed.spotless and not keep:
            return diagnosed.without_events()
        return diagnosed

    def compare(self, form: str, server: str, kind: str) -> frozenset[Shown]:
        self._alive()
        return _normal(form, server, kind)

    def close(self) -> None:
        """Nothing runs beside it."""


def _log_listeners() -> set[QueueListener]:
    """The threads by which applications write their logs: each import of one starts another."""
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


def judge(task: Task, alive: Callable[[], None] = lambda: None) -> Answer:
    """The Answer on ``task``."""
    answer = Answer()
    try:
        here = Here(task.file, task.options, alive)
    except TypeError as error:
        answer.failed = str(error)
        return answer
    found: dict[tuple[str, int], tuple[str, str, int, str]] = {}
    told: dict[tuple[str, str], None] = {}
    for step in task.steps:
        options = replace(task.options, servers=step.servers, kinds=step.kinds, depth=step.depth)
        installed = [name for name in installed_servers() if name in options.servers]
        if not installed:
            continue
        examined = Results()
        examine(
            route_targets(here.loaded, options),
            choose(replace(options, servers=tuple(installed)), installed_servers()),
            options,
            pool=here,
            found=examined,
            limits=Limits(),
            progress=NoProgress(),
        )
        for finding in (item.finding for item in exhibits(examined)):
            if finding.severity != "info":
                line = finding.location.line if finding.location else 0
                found.setdefault(
                    (finding.code, line), (finding.code, finding.severity, line, finding.message)
                )
            else:
                doubted = finding.confirmed.of and not finding.confirmed.on_real_sockets
                code = f"{finding.code}{IN_MEMORY if doubted else ''}"
                told.setdefault((code, re.sub(r"\d+", "", finding.message)))
        if found and not task.to_the_end:  # what it is found for is enough
            break
    answer.findings = tuple(found.values())
    answer.told = tuple(told)
    answer.seen = {place: frozenset(shown) for place, shown in here.seen.items()}
    answer.cases = here.cases
    return answer


def serve(pipe: Pipe) -> None:
    """Answer the Tasks that come through ``pipe``, until None comes. Output of programs is thrown away."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    while (task := pipe.recv()) is not None:
        try:
            answer = judge(task, lambda: pipe.send(None))
        except Exception:  # noqa: BLE001 - told to the one who asked
            answer = Answer(failed=traceback.format_exc())
        pipe.send(answer)
