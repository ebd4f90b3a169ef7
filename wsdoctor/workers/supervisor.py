"""The supervisor: runs cases in a worker process, and ends one that does not come back.

The worker imports the application once, and runs each stretch of cases in a copy of itself. Where it
cannot be copied, each stretch has a worker process of its own. An application that freezes its loop,
exits, crashes the interpreter or never ends is an answer, with the stack it was stuck in; it is never
a hung CI job.
"""

from __future__ import annotations

import contextlib
import math
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, Any, Literal, Self

import msgspec
from msgspec.structs import replace

from wsdoctor.diagnosis.comparable import Shown
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.plan.budget import ANSWER_TIME
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import AnyEvent, SendCalled, ServerPhase, Stack, WorkerLost
from wsdoctor.recording.recording import Control, Recording
from wsdoctor.session.bystander import control_case, control_of
from wsdoctor.session.recorder import Recorder
from wsdoctor.session.run import users
from wsdoctor.session.timeouts import Timing
from wsdoctor.target import TargetError, TargetImportError, UserCode
from wsdoctor.workers.last_words import crashed_at
from wsdoctor.workers.messages import (
    Answer,
    Believe,
    Compare,
    Compared,
    Crashed,
    End,
    Ending,
    FoundOut,
    Gone,
    Learn,
    Load,
    Loaded,
    LoadFailed,
    Ran,
    Request,
    Run,
    Sample,
    Sampled,
    answer,
    to_line,
)

_PATIENCE = {"virtual": 60.0, "wall": 300.0}
"""Wall seconds for one case, by its clock."""

_LOADING = 120.0
"""Wall seconds for the import of the target."""

_LOOK_EVERY = 1.0
"""Wall seconds between two looks at a case that is not done."""

_MOST_WRITTEN = 100_000
"""Bytes of a worker's standard error that are read: faulthandler writes a hundred lines a thread."""

_ENDING = 5.0
"""Wall seconds that a copy of the application has to end when it is killed."""

_ROOM = 0.5
"""Wall seconds that a worker has to end by itself after a request."""

_SETTINGS = {
    # The order in which sets are gone through is the same in all processes, and so are the moments.
    "PYTHONHASHSEED": "0",
    # A process with threads of a library cannot be copied, and this one starts them when it is imported.
    "OPENBLAS_NUM_THREADS": "1",
}
"""Environment variables of a worker, unless the user has set them."""

_APART = (
    "each stretch of cases was run in a process of its own, which takes longer: "
    "{spec} cannot be copied, because {why}"
)

_TELLS = 10.0
"""Wall seconds in which a worker says by itself that the time for the start-up is over."""

_MOST_TAUGHT = 2000
"""Events of a recording that is worth the time to look at it once more."""

_SLOW_START = 1.0
"""Wall seconds of a start-up from which on it is worth a word."""

_SLOW = "the application takes {seconds:.1f} s to start, and is started anew for each case"

_FROZEN_AFTER = 3
"""Looks in a row at a loop that stands still, in the same function of the user's."""


class WorkerError(RuntimeError):
    """wsdoctor itself failed in the worker; the text is its traceback."""


class OutOfTimeError(Exception):
    """The time is over that the whole run has: what went on was ended."""


class _Garbled:
    """A line that is no answer: something else has written between the worker's lines."""


class Supervisor:
    """One target in a worker process that is started anew whenever it is lost.

    Use as a context manager: leaving it ends the process.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[Answer | _Garbled | None] = queue.SimpleQueue()
        self._listener: threading.Thread | None = None
        self._errors: IO[bytes] | None = None
        self._loaded: Loaded | None = None
        self._used = False
        """Whether the process has run a case, or a copy of it has."""
        self._number = 0
        self._controls: dict[Run, Control] = {}
        self._asked = 0
        """Samples asked for and not answered yet; an answer may come after the end of its case."""
        self._ending: Ending | None = None
        """What the application has called that may have ended the process of the running case."""
        self._hung_up = False
        """The worker has closed its standard output: it is gone, or about to be."""
        self._closed = False
        self._start_up = math.inf
        self._taught: set[tuple[str, ...]] = set()
        """The codes of findings for which the running worker knows what it takes to diagnose them."""
        self._found = FoundOut()
        """What cases have found out about threads and parties outside."""
        self._apart = ""
        self.until = math.inf
        """The ``time.monotonic()`` at which whatever goes on is ended."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def notes(self) -> list[str]:
        """What there is to say of the processes, and of the application's start-up."""
        slow = _SLOW_START < self._start_up < math.inf
        return [
            *filter(None, [self._apart]),
            *([_SLOW.format(seconds=self._start_up)] if slow else []),
        ]

    @property
    def _copies(self) -> bool:
        """Whether the worker runs cases in copies of itself."""
        return self._loaded is not None and not self._loaded.apart

    def _is_over(self) -> bool:
        return time.monotonic() >= self.until

    def _within(self, seconds: float) -> float:
        """``seconds``, or what is left of the time that there is."""
        return max(0.0, min(seconds, self.until - time.monotonic()))

    def load(self) -> Loaded:
        """The target's routes. Raises TargetError, WorkerError or OutOfTimeError."""
        self._start()
        self._say(self._load)
        said = self._next(self._within(_LOADING))
        if said is None and self._is_over():
            self._end()
            raise OutOfTimeError
        if isinstance(said, Loaded):
            self._loaded = said
            if self._found != FoundOut():
                self._say(Believe(self._found))
            return said
        if isinstance(said, LoadFailed):
            raise (
                TargetImportError(said.message, said.traceback)
                if said.traceback
                else TargetError(said.message)
            )
        if isinstance(said, Crashed):
            raise WorkerError(said.traceback)
        tail = self._tail()
        code = self._end()
        how = (
            f"did not finish within {_LOADING:.0f} s"
            if code is None
            else f"ended the process with exit code {code}"
        )
        raise TargetImportError(f"importing '{self._load.spec}' {how}", tail)

    def run(
        self,
        case: Case,
        timing: Timing,
        *,
        fresh: bool = True,
        network: Literal["memory", "loopback"] = "memory",
        keep: bool = True,
        trace: bool = False,
    ) -> Diagnosed:
        """The diagnosis of ``case``; the Recording of a process that was lost ends with WorkerLost.

        ``fresh``: in a copy of the application that has run no case. ``keep`` the events of a
        spotless case, too: without them it costs a third less. ``trace``: also note the user's lines
        that run.

        Raises WorkerError if wsdoctor failed in the worker, and OutOfTimeError.
        """
        wanted = Run(case, timing, fresh, network, keep, trace)
        if case.bystander:
            key = replace(wanted, case=control_case(case), fresh=True, keep=True, trace=False)
            if key not in self._controls:
                recording = self._run(key).recording
                if any(isinstance(event, WorkerLost) for event in recording.events):
                    return diagnose(replace(recording, case=case))
                self._controls[key] = control_of(recording)
                wanted = replace(wanted, fresh=True)
            wanted = replace(wanted, control=self._controls[key])
        return self._run(wanted)

    def _run(self, wanted: Run) -> Diagnosed:
        wanted = replace(wanted, number=self._begin(fresh=wanted.fresh))
        before = self._size()
        samples: list[Sampled] = []
        said = self._ask(wanted, samples)
        if isinstance(said, Ran):
            self._start_up = min(self._start_up, said.diagnosed.start_up or self._start_up)
            self._teach(said.diagnosed)
            self._tell(said.found)
            return said.diagnosed
        if isinstance(said, Crashed):
            raise WorkerError(said.traceback)
        written = self._written(before)
        returncode = said.returncode if isinstance(said, Gone) else self._end_case(wanted.number)
        if said is None and self._is_over():
            raise OutOfTimeError
        if returncode is None:
            return diagnose(self._lost(wanted, samples, garbled=isinstance(said, _Garbled)))
        died = self._died(samples[-1] if samples else None, returncode, written)
        return diagnose(self._recorded(wanted, *died))

    def _ask(self, wanted: Run, samples: list[Sampled]) -> Ran | Crashed | Gone | _Garbled | None:
        """The result of ``wanted``; None if it has to be ended, or the worker is gone.

        Samples that are taken while it runs go into ``samples``.
        """
        late = self._asked
        self._ending = None
        self._say(wanted)
        # Several answers may be late in one case.
        timing = wanted.timing
        patience = _PATIENCE[timing.clock] * max(1.0, timing.answer_time / ANSWER_TIME)
        deadline = time.monotonic() + patience
        started_by = math.inf
        garbled: _Garbled | None = None
        while True:
            said = self._next(self._within(_LOOK_EVERY))
            if isinstance(said, Ran | Crashed):
                return said
            if isinstance(said, Gone) and said.number == wanted.number:
                return said
            if isinstance(said, Sampled):
                self._asked -= 1
                samples += [said] * (not late)
                late -= late > 0  # of the case before
            if isinstance(said, _Garbled):
                # The end of the process may have cut it off; else no answer will come.
                garbled, deadline = said, min(deadline, time.monotonic() + _LOOK_EVERY)
            now = time.monotonic()
            if samples and _is_starting(samples[-1]) and now <= started_by:
                deadline = now + patience
                started_by = min(started_by, now + timing.startup_time + _TELLS)
            if now > deadline or self._hung_up or now >= self.until:
                return garbled
            if _stuck(samples, may_start=now <= started_by):
                return None
            if said is None:
                self._asked += 1
                self._say(Sample())

    def _teach(self, diagnosed: Diagnosed) -> None:
        """Spare the copies to come what it took to diagnose the first case with these findings.

        To read the user's source takes longer than most cases, and a copy of what is wrong runs one.
        """
        codes, recording = diagnosed.result.codes, diagnosed.recording
        if (
            not self._copies
            or codes in self._taught
            or not 0 < len(recording.events) < _MOST_TAUGHT
        ):
            return
        self._taught.add(codes)
        self._say(Learn(recording))

    def _tell(self, found: FoundOut) -> None:
        """Spare the copies to come what it took to find that out."""
        if found != self._found:
            self._found = found
            if self._copies:
                self._say(Believe(found))

    def _begin(self, *, fresh: bool) -> int:
        """See to it that there is a worker, one that has run no case if need be; the number of a request."""
        if self._closed:
            raise WorkerError("the worker was closed")
        loaded = self._loaded
        if self._process is not None and self._used and fresh and loaded and loaded.apart:
            self._end()
            self._apart = _APART.format(spec=loaded.spec, why=loaded.apart)
        if self._process is None:
            self.load()
        self._used = True
        self._number += 1
        return self._number

    def compare(self, form: str, server: str, kind: str) -> frozenset[Shown]:
        """What the smallest correct application of ``form`` shows, run in the worker.

        Raises WorkerError if wsdoctor failed in the worker, or the worker is gone, and OutOfTimeError.
        """
        wanted = Compare(form, server, kind)
        wanted = replace(wanted, number=self._begin(fresh=False))
        self._say(wanted)
        while True:
            said = self._next(self._within(_PATIENCE["virtual"]))
            if isinstance(said, Compared):
                return said.shown
            if self._is_over():
                self._end_case(wanted.number)
                raise OutOfTimeError
            if isinstance(said, Sampled):
                self._asked -= 1  # of the case before
                continue
            if isinstance(said, Gone) and said.number != wanted.number:
                continue  # of the case before
            raise WorkerError(
                said.traceback if isinstance(said, Crashed) else "the worker did not answer"
            )

    def _lost(self, wanted: Run, samples: list[Sampled], *, garbled: bool) -> Recording:
        """A Recording of a session that had to be ended; ``garbled``: because its answer was unreadable."""
        last = samples[-1] if samples else Sampled((), 0)
        # Record at most one stack of a loop that still turns: no code blocks it.
        stacks: tuple[Stack, ...] = tuple(
            sample.stack
            for sample in samples[-_FROZEN_AFTER:]
            if _reached(sample) == _reached(last)
        )
        lost = _at(last.events, returncode=None, samples=() if garbled else stacks, garbled=garbled)
        return self._recorded(wanted, (*last.events, lost), last.sources)

    def _died(
        self, last: Sampled | None, returncode: int, written: str
    ) -> tuple[tuple[AnyEvent, ...], dict[str, str]]:
        """The events and sources of a session whose process ended by itself."""
        assert self._loaded is not None
        if (ending := self._ending) is not None:
            lost = _at(
                ending.events, returncode=returncode, stack=ending.stack, called=ending.called
            )
            return (*ending.events, lost), ending.sources
        recorder = Recorder(UserCode(self._loaded.roots))
        error, found = crashed_at(written)
        stack = tuple(recorder.named(*frame) for frame in found)
        events = last.events if last is not None else ()
        lost = _at(events, returncode=returncode, stack=stack, called=error)
        return (*events, lost), recorder.sources() | (last.sources if last is not None else {})

    def _recorded(
        self, wanted: Run, events: tuple[AnyEvent, ...], sources: dict[str, str]
    ) -> Recording:
        assert self._loaded is not None
        case = wanted.case
        route = next((route for route in self._loaded.routes if route.path == case.route), None)
        return Recording(
            case=case,
            clock=wanted.timing.clock,
            framework=self._loaded.framework,
            events=events,
            sources=sources,
            handler=users(route.handler) if route else None,
            grace=wanted.timing.grace,
        )

    # --- the process

    def _start(self) -> None:
        self._answers = queue.SimpleQueue()
        self._asked = 0
        self._hung_up = False
        self._used = False
        self._taught.clear()
        # To be appended to: we look for its end while processes write to it.
        self._errors = tempfile.TemporaryFile("a+b")  # noqa: SIM115 - closed with the process
        # In a session of its own: Ctrl-C on the terminal is for the supervisor alone.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wsdoctor.workers"],
            env=_SETTINGS | os.environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            start_new_session=os.name == "posix",
        )
        self._listener = threading.Thread(
            target=self._listen, args=(self._process, self._answers), daemon=True
        )
        self._listener.start()

    @staticmethod
    def _listen(
        process: subprocess.Popen[bytes], answers: queue.SimpleQueue[Answer | _Garbled | None]
    ) -> None:
        assert process.stdout is not None
        with process.stdout:  # closed here: closing it elsewhere would cut off this reading
            for line in process.stdout:
                if line.strip():
                    try:
                        answers.put(answer(line))
                    except msgspec.DecodeError:
                        answers.put(_Garbled())
        answers.put(None)

    def _say(self, wanted: Request) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # the process is gone: the missing answer says so
            self._process.stdin.write(to_line(wanted))
            self._process.stdin.flush()

    def _next(self, timeout: float) -> Answer | _Garbled | None:
        """What the worker says next; None if it says nothing for ``timeout`` seconds, or has hung up."""
        try:
            said = self._answers.get(timeout=timeout)
        except queue.Empty:
            return None
        if isinstance(said, Ending):
            self._ending = said
            return self._next(timeout)
        self._hung_up = said is None
        return said

    def _tail(self) -> str:
        """The last lines that the worker wrote to its standard error."""
        return "\n".join(self._written().splitlines()[-12:])

    def _size(self) -> int:
        return 0 if self._errors is None else self._errors.seek(0, os.SEEK_END)

    def _written(self, before: int = 0) -> str:
        """The end of standard error, without its first ``before`` bytes."""
        if self._errors is None:
            return ""
        self._errors.seek(max(before, self._size() - _MOST_WRITTEN))
        return self._errors.read().decode(errors="replace")

    def _end_case(self, number: int) -> int | None:
        """End the process that runs request ``number``: its exit code if it ended by itself, else None."""
        if self._copies and self._process is not None and not self._hung_up:
            self._say(End(number))
            deadline = time.monotonic() + _ENDING
            while (left := deadline - time.monotonic()) > 0:
                said = self._next(left)
                if said is None:
                    break  # the worker is gone, or does not answer
                if isinstance(said, Sampled):
                    self._asked -= 1
                if isinstance(said, Gone) and said.number == number:
                    self._asked = 0  # the process that was asked is gone
                    return None
        return self._end()

    def _end(self) -> int | None:
        """End the process: its exit code if it had exited by itself, otherwise None."""
        process, self._process = self._process, None
        if process is None:
            return None
        if self._hung_up:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_ENDING)
        returncode = process.poll()
        if returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self._closing(process):
                    # What copies itself attends to nothing else, and ends its copy.
                    process.wait(timeout=_ENDING if self._copies else _ROOM)
            process.kill()
        if os.name == "posix":
            # Its session is its own: what is left in there are processes that the application started.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if self._listener is not None:
            self._listener.join(timeout=1)  # it comes to the end of the output, and closes it
        for stream in (process.stdin, self._errors):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        return returncode

    @staticmethod
    def _closing(process: subprocess.Popen[bytes]) -> bool:
        """Tell the worker by the end of its input to go."""
        assert process.stdin is not None
        with contextlib.suppress(OSError):
            process.stdin.close()
        return True

    def close(self) -> None:
        """End the worker, for good; another thread may be waiting for its answer."""
        self._closed = True
        self._end()


def _at(events: tuple[AnyEvent, ...], **known: Any) -> WorkerLost:
    """The loss of a worker after ``events``."""
    last = events[-1] if events else None
    return WorkerLost(time=last.time if last else 0.0, step=last.step if last else 0, **known)


def _is_starting(sample: Sampled) -> bool:
    """Whether the application has not answered its lifespan's start-up."""
    return bool(sample.stack) and not any(isinstance(event, ServerPhase) for event in sample.events)


def _stuck(samples: list[Sampled], *, may_start: bool) -> bool:
    """Whether there is no hope; an application that starts may hold the loop as long as it ``may_start``."""
    if samples and _is_starting(samples[-1]):
        return not may_start and any(frame.user for frame in samples[-1].stack)
    return _frozen(samples)


def _frozen(samples: list[Sampled]) -> bool:
    """Whether the last looks all met the same function of the user's, and the loop where it was."""
    last = samples[-_FROZEN_AFTER:]
    if len(last) < _FROZEN_AFTER or len({_reached(sample) for sample in last}) != 1:
        return False
    innermost = {
        next(((f.file, f.function) for f in reversed(s.stack) if f.user), None) for s in last
    }
    return len(innermost) == 1 and None not in innermost


def _reached(sample: Sampled) -> tuple[int, int]:
    """How far the session has come: who sends and never waits stays at a step, and goes on all the same."""
    return sample.step, sum(isinstance(event, SendCalled) for event in sample.events)
