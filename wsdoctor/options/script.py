"""The client's script as it is written, in the settings or on the command line.

The command line has ``--send``, ``--send-json``, ``--send-bytes``, ``--send-file`` and ``--script``. The
client performs the steps in the order in which these stand there, also across options.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from wsdoctor.options.parse import (
    MOST_SLEEP,
    InputError,
    file_bytes,
    hexadecimal,
    json_text,
    seconds,
)

if TYPE_CHECKING:
    from wsdoctor.recording.case import Step

_KEYWORDS = "send|send-json|send-bytes|recv|sleep"
_SEPARATOR = re.compile(rf"\n|;\s*(?=(?:{_KEYWORDS})\b)|;\s*$")
"""A ``;`` that no step follows belongs to the text that is sent."""

STEP_FORMS = "send TEXT, send-json JSON, send-bytes HEX, recv [N], sleep SECONDS"


def given_steps(given: Iterable[tuple[str, str]]) -> tuple[Step, ...]:
    """The steps of options, given as (flag, value) in their order on the command line."""
    return tuple(step for flag, value in given for step in _READERS[flag](value))


def settings_steps(lines: Iterable[str], where: str) -> tuple[Step, ...]:
    """The steps of the ``lines`` of a list in the settings, which stands at ``where``."""
    return tuple(step for line in lines for step in parse_script(line, where))


def python_steps(steps: Iterable[Step]) -> tuple[Step, ...]:
    """``steps`` that a Python program made, once their times are known to make sense."""
    from wsdoctor.recording.case import SleepStep

    steps = tuple(steps)
    for step in steps:
        if isinstance(step, SleepStep):
            seconds(step.seconds, "a SleepStep", MOST_SLEEP)
    return steps


def parse_script(text: str, option: str = "--script") -> Iterator[Step]:
    """The steps of ``text``: one a line, or separated by ``;``. ``#`` begins a comment line."""
    for line in _SEPARATOR.split(text):
        if (step := line.strip()) and not step.startswith("#"):
            yield _step(step, option)


def _step(text: str, option: str) -> Step:
    from wsdoctor.recording.case import ReceiveStep, SendStep, SleepStep

    keyword, _, rest = text.partition(" ")
    rest = rest.strip()
    match keyword:
        case "send":
            return SendStep(text=rest)
        case "send-json":
            return SendStep(text=json_text(rest, f"send-json in {option}"))
        case "send-bytes":
            return SendStep(hex=hexadecimal(rest, f"send-bytes in {option}"))
        case "recv" if not rest or (rest.isdecimal() and int(rest) > 0):
            return ReceiveStep(count=int(rest or 1))
        case "recv":
            raise InputError(f"recv in {option} takes a number of messages from 1 on")
        case "sleep":
            try:
                duration = float(rest)
            except ValueError:
                duration = -1.0
            return SleepStep(seconds=seconds(duration, f"sleep in {option}", MOST_SLEEP))
        case _:
            raise InputError(f"{keyword!r} is no step of a {option}: steps are {STEP_FORMS}")


def _read_send(value: str) -> Iterator[Step]:
    from wsdoctor.recording.case import SendStep

    yield SendStep(text=value)


def _read_json(value: str) -> Iterator[Step]:
    return _read_send(json_text(value))


def _read_bytes(value: str) -> Iterator[Step]:
    from wsdoctor.recording.case import SendStep

    yield SendStep(hex=hexadecimal(value))


def _read_file(value: str) -> Iterator[Step]:
    content = file_bytes(value, "--send-file")
    try:
        return _read_send(content.decode())
    except UnicodeDecodeError:
        return _read_bytes(content.hex())


def _read_script(value: str) -> Iterator[Step]:
    if not _is_file(value):
        if _looks_like_a_path(value):
            raise InputError(f"--script cannot read {value!r}: there is no such file")
        return parse_script(value)
    try:
        return parse_script(file_bytes(value, "--script").decode())
    except UnicodeDecodeError:
        raise InputError(f"--script {value!r} is not a UTF-8 text file") from None


def _is_file(value: str) -> bool:
    try:
        return Path(value).is_file()
    except (OSError, ValueError):
        return False


def _looks_like_a_path(value: str) -> bool:
    return not re.search(r"\s", value) and bool(re.search(r"[./\\]", value))


_READERS = {
    "--send": _read_send,
    "--send-json": _read_json,
    "--send-bytes": _read_bytes,
    "--send-file": _read_file,
    "--script": _read_script,
}
