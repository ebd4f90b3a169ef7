"""The supervisor: runs cases in a worker process, and ends one that does not come back.

An application that freezes its loop, exits, crashes the interpreter or never ends is an answer,
with the stack it was stuck in; it is never a hung CI job.
"""

from __future__ import annotations

import contextlib
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from typing import IO, Literal, Self

import msgspec

from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.diagnosis.fault import Shown
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import AnyEvent, Stack, WorkerLost
from wsdoctor.recording.recording import Recording
from wsdoctor.session.run import users
from wsdoctor.target import TargetError, TargetImportError
from wsdoctor.workers.messages import (
    Answer,
    Compare,
    Compared,
    Crashed,
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

_FROZEN_AFTER = 3
"""Looks in a row with the loop at the same step, in the same function of the user's."""


class WorkerError(RuntimeError):
    """wsdoctor itself failed in the worker; the text is its traceback."""


class Supervisor:
    """One target in a worker process that is started anew whenever it is lost.

    Use as a context manager: leaving it ends the process.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        self._process: subprocess.Popen[bytes] | None = None
        self._answers: queue.SimpleQueue[Answer | None] = queue.SimpleQueue()
        self._listener: threading.Thread | None = None
        self._errors: IO[bytes] | None = None
        self._loaded: Loaded | None = None
        self._asked = 0
        """Samples asked for and not answered yet; an answer may come after the end of its case."""
        self._hung_up = False
        """The worker has closed its standard output: it is gone, or about to be."""
        self._closed = False
        self.notes: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self) -> Loaded:
        """The target's routes. Raises TargetError, or WorkerError."""
        self._start()
        self._say(self._load)
        said = self._next(_LOADING)
        if isinstance(said, Loaded):
            self._loaded = said
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
        clock: Literal["virtual", "wall"],
        grace: float,
        *,
        fresh: bool = True,
        network: Literal["memory", "loopback"] = "memory",
        keep: bool = True,
    ) -> Diagnosed:
        """The diagnosis of ``case``; the Recording of a worker that was lost ends with WorkerLost.

        ``fresh``: on a new import of the target, if the last one has run a case already. ``keep``
        the events of a spotless case, too: without them it costs a third less.

        Raises WorkerError if wsdoctor failed in the worker.
        """
        self._make_sure_of_a_worker()
        late = self._asked
        self._say(Run(case, clock, grace, fresh, network, keep))
        deadline = time.monotonic() + _PATIENCE[clock]
        samples: list[Sampled] = []
        while True:
            said = self._next(_LOOK_EVERY)
            if isinstance(said, Ran):
                if said.note and said.note not in self.notes:
                    self.notes.append(said.note)
                return said.diagnosed
            if isinstance(said, Crashed):
                raise WorkerError(said.traceback)
            if isinstance(said, Sampled):
                self._asked -= 1
                if late:
                    late -= 1  # of the case before
                    continue
                samples.append(said)
                if _frozen(samples):
                    break
            elif self._hung_up or time.monotonic() > deadline:
                break
            else:
                self._asked += 1
                self._say(Sample())
        returncode = self._end()
        return diagnose(self._lost(case, clock, grace, samples, returncode))

    def compare(self, form: str, server: str, kind: str) -> frozenset[Shown]:
        """What the smallest correct application of ``form`` shows, run in the worker.

        Raises WorkerError if wsdoctor failed in the worker, or the worker is gone.
        """
        self._make_sure_of_a_worker()
        self._say(Compare(form, server, kind))
        while True:
            said = self._next(_PATIENCE["virtual"])
            if isinstance(said, Compared):
                return said.shown
            if isinstance(said, Sampled):
                self._asked -= 1  # of the case before
                continue
            raise WorkerError(
                said.traceback if isinstance(said, Crashed) else "the worker did not answer"
            )

    def _make_sure_of_a_worker(self) -> None:
        if self._closed:
            raise WorkerError("the worker was closed")
        if self._process is None:
            self.load()

    def _lost(
        self,
        case: Case,
        clock: Literal["virtual", "wall"],
        grace: float,
        samples: list[Sampled],
        returncode: int | None,
    ) -> Recording:
        assert self._loaded is not None
        events: tuple[AnyEvent, ...] = samples[-1].events if samples else ()
        last = events[-1] if events else None
        # Of a loop that goes round, however busily, one stack at most: it is not held by anybody.
        stacks: tuple[Stack, ...] = tuple(
            sample.stack for sample in samples[-_FROZEN_AFTER:] if sample.step == samples[-1].step
        )
        lost = WorkerLost(
            time=last.time if last else 0.0,
            step=last.step if last else 0,
            returncode=returncode,
            samples=stacks,
        )
        route = next((route for route in self._loaded.routes if route.path == case.route), None)
        return Recording(
            case=case,
            clock=clock,
            framework=self._loaded.framework,
            events=(*events, lost),
            sources=samples[-1].sources if samples else {},
            handler=users(route.handler) if route else None,
            grace=grace,
        )

    # --- the process

    def _start(self) -> None:
        self._answers = queue.SimpleQueue()
        self._asked = 0
        self._hung_up = False
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        # In a session of its own: Ctrl-C on the terminal is for the supervisor alone.
        self._process = subprocess.Popen(
            [sys.executable, "-m", "wsdoctor.workers.worker"],
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
        process: subprocess.Popen[bytes], answers: queue.SimpleQueue[Answer | None]
    ) -> None:
        assert process.stdout is not None
        with process.stdout:  # closed here, for whoever else did it would cut off our reading
            for line in process.stdout:
                with contextlib.suppress(msgspec.DecodeError):  # cut off by the end of the process
                    answers.put(answer(line))
        answers.put(None)

    def _say(self, wanted: Request) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # the process is gone: the missing answer says so
            self._process.stdin.write(to_line(wanted))
            self._process.stdin.flush()

    def _next(self, timeout: float) -> Answer | None:
        """What the worker says next; None if it says nothing for ``timeout`` seconds, or has hung up."""
        try:
            said = self._answers.get(timeout=timeout)
        except queue.Empty:
            return None
        self._hung_up = said is None
        return said

    def _tail(self) -> str:
        """The last lines that the worker wrote to its standard error."""
        if self._errors is None:
            return ""
        self._errors.seek(0)
        return "\n".join(self._errors.read().decode(errors="replace").splitlines()[-12:])

    def _end(self) -> int | None:
        """End the process: its exit code if it had exited by itself, otherwise None."""
        process, self._process = self._process, None
        if process is None:
            return None
        if self._hung_up:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=5)
        returncode = process.poll()
        if returncode is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                if self._closing(process):
                    process.wait(timeout=0.5)
            process.kill()
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


def _frozen(samples: list[Sampled]) -> bool:
    """Whether the last looks all met the same function of the user's, and the loop at the same step."""
    last = samples[-_FROZEN_AFTER:]
    if len(last) < _FROZEN_AFTER or len({sample.step for sample in last}) != 1:
        return False
    innermost = {
        next(((f.file, f.function) for f in reversed(s.stack) if f.user), None) for s in last
    }
    return len(innermost) == 1 and None not in innermost
