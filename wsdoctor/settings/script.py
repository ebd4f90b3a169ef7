"""A script of steps as it is written, in the settings or on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from wsdoctor.settings.inputs import MOST_SLEEP, InputError, hexadecimal, json_text, seconds

if TYPE_CHECKING:
    from wsdoctor.recording.case import Step

_KEYWORDS = "send|send-json|send-bytes|recv|sleep"
_SEPARATOR = re.compile(rf"\n|;\s*(?=(?:{_KEYWORDS})\b)|;\s*$")
"""A ``;`` that no step follows belongs to the text that is sent."""

STEP_FORMS = "send TEXT, send-json JSON, send-bytes HEX, recv [N], sleep SECONDS"


def parse_script(text: str, option: str = "--script") -> Iterator[Step]:
    """The steps of ``text``: one a line, or separated by ``;``. ``#`` begins a comment line."""
    for line in _SEPARATOR.split(text):
        if (step := line.strip()) and not step.startswith("#"):
            yield _step(step, option)


def _step(text: str, option: str) -> Step:
    from wsdoctor.recording.case import (  # noqa: PLC0415 - the command line imports this module
        ReceiveStep,
        SendStep,
        SleepStep,
    )

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
