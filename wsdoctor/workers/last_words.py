"""What a worker can still say when the application ends its process.

What the application calls to that end tells the supervisor first. A crash of the interpreter leaves what
faulthandler writes to standard error.
"""

from __future__ import annotations

import faulthandler
import os
import re
import signal
from collections.abc import Callable
from typing import Any

ENDS = ("_exit", "abort", "kill", "killpg")
"""The functions of ``os`` that end the process, or may."""

_FATAL = re.compile(r"^(?:Fatal Python error|Windows fatal exception): (.+)$", re.MULTILINE)
_THREAD = re.compile(r"^(Current thread|Thread) 0x[0-9a-f]+.*$", re.MULTILINE)
_FRAME = re.compile(r'^  File "(.+)", line (\d+) in (.+)$', re.MULTILINE)


_speaker: int = 0
"""The process whose end is reported."""


def speak(tell: Callable[[str], None]) -> None:
    """From now on ``tell`` is called with the name of what the application calls to end this process.

    A child that the process forks has nothing to tell, unless it says ``speak_here``.
    """
    faulthandler.enable(file=2)
    speak_here()

    def told(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if os.getpid() == _speaker and _is_meant(name, arguments, _speaker):
                tell(name)
            return function(*arguments, **options)

        return call

    for name in ENDS:
        if (function := getattr(os, name, None)) is not None:
            setattr(os, name, told(f"os.{name}", function))
    signal.raise_signal = told("signal.raise_signal", signal.raise_signal)


def speak_here() -> None:
    """Report the end of this process from now on: it is a fork of the process that did so before."""
    global _speaker  # noqa: PLW0603 - the replaced functions of `os` are global, too
    _speaker = os.getpid()


def _is_meant(name: str, arguments: tuple[Any, ...], own: int) -> bool:
    """Whether a call of ``name`` may end this very process."""
    if name == "os.kill":
        return arguments[:1] in {(own,), (0,)} and arguments[1:] != (0,)
    return name != "os.killpg" or arguments[:1] in {(os.getpgrp(),), (0,)}


def crashed_at(text: str) -> tuple[str, list[tuple[str, int, str]]]:
    """The error in what faulthandler wrote last, and the frames of the thread that had it, outermost first.

    Each frame is a file, a line and a function.
    """
    found = list(_FATAL.finditer(text))
    if not found:
        return "", []
    written = text[found[-1].start() :]
    frames = [
        (file, int(line), function) for file, line, function in _FRAME.findall(_current(written))
    ]
    return found[-1][1], frames[::-1]


def _current(text: str) -> str:
    """The text below the heading of the current thread."""
    threads = list(_THREAD.finditer(text))
    for number, heading in enumerate(threads):
        if heading[1] == "Current thread":
            end = threads[number + 1].start() if number + 1 < len(threads) else len(text)
            return text[heading.end() : end]
    return ""
