"""The independent witness: a finding's emitted test, on stock asyncio, in a process of its own.

wsdoctor saw the finding with its own clock, network and observers. The test has none of them, so what
it shows is no artefact of theirs. If it passes although the application got and sent the same ASGI
messages in the same order, the rule was wrong.
"""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import Finding
from wsdoctor.diagnosis.findings import Exhibit
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.engine.confirm import exhibits
from wsdoctor.engine.emit import Emitted, emit, shown_in
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import Runner
from wsdoctor.options.check import Options
from wsdoctor.plan.moments import is_poll
from wsdoctor.recording.case import LATE, RUNNING, Case
from wsdoctor.recording.events import (
    AnyEvent,
    ObservationEnded,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    StartupStuck,
)
from wsdoctor.report.environment import environment
from wsdoctor.report.model import TargetInfo
from wsdoctor.report.shard import Answer, Witnessed
from wsdoctor.target import TargetError

_AT_ONCE = 4
"""Tests that run side by side: most of their time they wait."""

_LONGEST = 60.0
"""Wall seconds that one test may take."""

_TRIED = 3
"""Cases of a finding that are looked at for one that can be shown."""

_SLOW = {
    "vanish": 4.0,
    "reconnect": 20.0,
    "stall": 4.0,
    "stall-close": 6.0,
    "stall-abort": 6.0,
    "shutdown": 1.0,
    "shutdown-timeout": 3.0,
}
"""Wall seconds that a kind of disconnect takes by itself."""

_BESIDE = 12.0
"""Wall seconds for which a bystander is watched."""

_NOT_REACHED = "the moment was not reached"


class _Saw(Struct):
    """What an emitted test writes down: whether its moment came, the ASGI messages, and what it raises."""

    met: bool
    messages: list[str]
    said: str = ""


@dataclass(frozen=True, slots=True)
class _Testimony:
    """A test to run, and the messages that the application had exchanged when the finding was seen.

    ``decides``: it looks for what the rule names, so that to pass is to contradict it. ``dies``: what the
    rule names is the end of the process, and pytest ends with it.
    """

    fingerprint: str
    decides: bool
    dies: bool
    emitted: Emitted
    messages: tuple[str, ...]


def call_witnesses(
    found: Results,
    runner: Runner,
    options: Options,
    target: TargetInfo,
    *,
    until: float = math.inf,
) -> None:
    """Run the emitted tests of the findings above ``info``, the gravest first, and note what they show.

    No test begins later than ``options.confirm_time`` wall seconds from now, and all have ended at the
    ``time.monotonic()`` of ``until``. Raises OutOfTimeError if that comes before the first of them.
    """
    deadline = min(time.monotonic() + options.confirm_time, until)
    # A finding whose test passes may be called by something else, which has a test of its own.
    while grave := [
        item
        for item in exhibits(found)
        if item.finding.severity != "info"
        and item.own
        and item.finding.fingerprint not in found.witnessed
    ]:
        _call(grave, found, runner, options, target, deadline=deadline, until=until)


def _call(
    grave: Sequence[Exhibit],
    found: Results,
    runner: Runner,
    options: Options,
    target: TargetInfo,
    *,
    deadline: float,
    until: float,
) -> None:
    """Run the emitted tests of ``grave`` findings, and note what each of them shows."""
    if importlib.util.find_spec("pytest") is None:
        for item in grave:
            found.witnessed[item.finding.fingerprint] = Witnessed(
                "not-run", "its emitted test needs pytest, which is not installed"
            )
        return
    testimonies = []
    for item in grave:
        testimony = _testimony(item, runner, options, target, deadline)
        if isinstance(testimony, Witnessed):
            found.witnessed[item.finding.fingerprint] = testimony
        else:
            testimonies.append(testimony)
    running: list[subprocess.Popen[str]] = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        answers = [pool.submit(_hear, each, deadline, until, running) for each in testimonies]
        try:
            for testimony, answer in zip(testimonies, answers, strict=True):
                found.witnessed[testimony.fingerprint] = answer.result()
        except BaseException:
            for answer in answers:
                answer.cancel()
            for process in running:
                _end(process)
            raise


def _testimony(
    item: Exhibit, runner: Runner, options: Options, target: TargetInfo, deadline: float
) -> _Testimony | Witnessed:
    for case in sorted(item.own, key=_cost)[:_TRIED]:
        if time.monotonic() > deadline:
            return Witnessed("not-run", "the time for it was over")
        diagnosed = runner.run(case, fresh=True)
        if not _comes_up(diagnosed, item.finding):
            continue
        if any(isinstance(event, StartupStuck) for event in diagnosed.recording.events):
            return Witnessed("not-run", "a test could only wait for the start-up in vain")
        try:
            emitted = emit(
                shown_in(diagnosed, item.finding),
                target,
                grace=options.grace,
                versions=environment(),
                secrets=options.secrets,
                witness=True,
            )
        except TargetError as error:
            return Witnessed("not-run", f"its test cannot be emitted: {error}")
        return _Testimony(
            item.finding.fingerprint,
            bool(RULES[item.finding.code].checks),
            RULES[item.finding.code].ends_process,
            emitted,
            tuple(_messages(diagnosed, item.finding)),
        )
    return Witnessed("not-run", "none of its cases came up again")


def _cost(case: Case) -> tuple[float, bool, str]:
    """Which case of a finding is the cheapest to show in real time."""
    slow = _SLOW.get(case.act, 0.0) + (_BESIDE if case.bystander else 0.0)
    slow += RUNNING if case.situation == LATE else 0
    return slow, is_poll(case.at), case.id


def _comes_up(diagnosed: Diagnosed, finding: Finding) -> bool:
    return any(
        item.code == finding.code
        for cause in diagnosed.causes
        for item in (cause.occurrence, *cause.symptoms)
    )


def _messages(diagnosed: Diagnosed, finding: Finding) -> Iterator[str]:
    """What the application had received and sent by the event that shows ``finding``.

    In the words of an emitted test: ``< websocket.connect``, ``> websocket.send``, and ``!`` for a
    send that raised, which may be the last one of them later.
    """
    last = max(
        item.index
        for cause in diagnosed.causes
        for item in (cause.occurrence, *cause.symptoms)
        if item.code == finding.code
    )
    events = diagnosed.recording.events
    under_way = None
    for event in itertools.takewhile(_is_observed, events[: last + 1]):
        match event:
            case ReceiveReturned(connection=1, message=message) if message:
                yield f"< {message}"
            case SendCalled(connection=1, message=message, call=call):
                under_way = call
                yield f"> {message}"
            case SendReturned(connection=1, exception=error):
                under_way = None
                if error is not None:
                    yield "!"
    for event in itertools.takewhile(_is_observed, events[last + 1 :]):
        match event:
            case SendReturned(connection=1, call=call, exception=error):
                if call == under_way and error is not None:
                    yield "!"


def _is_observed(event: AnyEvent) -> bool:
    return not isinstance(event, ObservationEnded)


def _hear(
    testimony: _Testimony, deadline: float, until: float, running: list[subprocess.Popen[str]]
) -> Witnessed:
    """Run one test, in a folder that is removed."""
    if time.monotonic() > deadline:
        return Witnessed("not-run", "the time for it was over")
    with tempfile.TemporaryDirectory(prefix="wsdoctor-") as name:
        folder = Path(name)
        file, saw, result = folder / "test_finding.py", folder / "saw.json", folder / "result.xml"
        file.write_text(testimony.emitted.text, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        began = time.monotonic()
        ended = _run(
            (
                *(sys.executable, "-m", "pytest", str(file), "-c", str(folder / "pytest.ini")),
                *("--rootdir", name, "--noconftest", "-q", "-p", "no:cacheprovider"),
                f"--junitxml={result}",
            ),
            {**testimony.emitted.variables, "WITNESS": str(saw)},
            running,
            min(_LONGEST, until - began),
        )
        seconds = round(time.monotonic() - began, 1)
        if not ended and _has_failed(saw):
            return Witnessed("failed", "", seconds)  # and then what it left never let it go
        if not ended and time.monotonic() >= until:
            return Witnessed("not-run", "the time for it was over", seconds)
        if not ended:
            return Witnessed("not-run", f"its test did not end within {_LONGEST:.0f} s", seconds)
        if testimony.dies and not result.exists():
            return Witnessed("failed", "", seconds)
        answer, note = _judged(result, saw, testimony)
        if answer == "passed" and not testimony.decides:
            answer, note = "not-run", "no test without wsdoctor can look for it"
        return Witnessed(answer, note, seconds)


def _run(
    command: Sequence[str],
    variables: Mapping[str, str],
    running: list[subprocess.Popen[str]],
    seconds: float,
) -> bool:
    """Run ``command`` here; False if it had to be ended after ``seconds``."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")}
    process = subprocess.Popen(  # noqa: S603 - our own interpreter, and no shell
        command,
        env={**inherited, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    running.append(process)
    try:
        process.wait(max(0.0, seconds))
    except subprocess.TimeoutExpired:
        _end(process)
        return False
    return True


def _end(process: subprocess.Popen[str]) -> None:
    """End a test, and what its application has started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _has_failed(saw: Path) -> bool:
    """Whether a test that had to be ended had failed by then, as it says itself."""
    seen = _seen(saw)
    return (
        seen is not None
        and seen.said.startswith("AssertionError")
        and _NOT_REACHED not in seen.said
    )


def _seen(saw: Path) -> _Saw | None:
    try:
        return msgspec.json.decode(saw.read_bytes(), type=_Saw)
    except (OSError, msgspec.DecodeError):
        return None


def _judged(result: Path, saw: Path, testimony: _Testimony) -> tuple[Answer, str]:
    """What a test that has ended shows."""
    from junitparser import Failure, JUnitXml  # noqa: PLC0415 - imported when one is read

    try:
        cases = [case for suite in JUnitXml.fromfile(str(result)) for case in suite]
    except Exception as error:  # noqa: BLE001 - of a process that died there is no file, or half of one
        return "not-run", f"its test left no result ({type(error).__name__})"
    outcomes = [item for case in cases for item in case.result]
    failures = [str(item.message) for item in outcomes if isinstance(item, Failure)]
    if not failures:
        if outcomes or not cases:
            return "not-run", f"its test could not be run: {_first_line(outcomes)}"
        return _passed(saw, testimony.messages)
    (said, *_) = failures
    if _NOT_REACHED in said:
        return "not-met", _TOO_FINE
    if testimony.dies and said.startswith("SystemExit"):
        return "failed", ""  # pytest catches what would have ended the process
    if not said.startswith("AssertionError"):
        return "not-run", f"its test could not be run: {said.splitlines()[0]}"
    return "failed", ""


_TOO_FINE = "its moment is too fine for a wall clock"


def _passed(saw: Path, messages: Sequence[str]) -> tuple[Answer, str]:
    seen = _seen(saw)
    if seen is None:
        return "not-run", "its test does not say what it saw"
    same = [message[:1] if message.startswith("!") else message for message in seen.messages]
    # A send that was refused here, and not there, is another order of things, too.
    refused = same[len(messages) :][:1] == ["!"]
    if not seen.met or same[: len(messages)] != list(messages) or refused:
        return "not-met", _TOO_FINE
    return "passed", "its emitted test passes, though the same ASGI messages came in the same order"


def _first_line(outcomes: Sequence[object]) -> str:
    for item in outcomes:
        if text := str(getattr(item, "message", "") or "").strip():
            return text.splitlines()[0]
    return "pytest found no test"
