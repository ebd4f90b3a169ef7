"""What a rule is, and what it gives: occurrences in one Recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import Breach
from wsdoctor.diagnosis.finding import Fault, Mark, Severity
from wsdoctor.recording.events import StackFrame

Effect = Literal["stuck", "lost", "escape", "late", "remark"]
EFFECTS: tuple[Effect, ...] = get_args(Effect)
"""What a defect does to the application, the gravest first.

It never returns; data, clean-up or a resource is lost; an exception escapes; it is late.
"""


class Occurrence(Struct, frozen=True):
    """One thing that happened in one Recording.

    ``place`` is the user's line. ``explains`` are the exceptions that it raised or let out;
    ``blamed_on`` those that it came from: an occurrence whose ``blamed_on`` meets the ``explains``
    of another is a symptom of that other. ``index`` is the event that shows it, for the timeline.
    ``mark`` says whether the server logged it. ``way`` tells how its exception came about if the
    user's code may have had no part in it (``diagnosis.way``). ``task`` is the task that it is about, if
    it is about one. ``inside`` is the line of an installed package that is at fault (see ``packages``).
    ``setting`` is the kind of code that it happened in, as ``SETTINGS`` has them: the remedy is chosen
    by it.
    """

    code: str
    message: str
    place: StackFrame | None
    severity: Severity
    mark: Mark
    index: int
    fault: Fault = "app"
    evidence: tuple[str, ...] = ()
    explains: frozenset[int] = frozenset()
    blamed_on: frozenset[int] = frozenset()
    symptoms: tuple[str, ...] = ()
    way: str = ""
    task: int = 0
    inside: StackFrame | None = None
    setting: str = ""
    after_return: bool = False
    """It happened when the handler had returned."""
    effect: Effect | None = None
    """What it does to the application, where that is not what its rule says."""
    shown_by_reference: bool = False
    """The smallest correct application shows the same."""
    of_package: bool = False
    """The task that it is about runs a function of a package, or of the standard library."""
    because: StackFrame | None = None
    """The user's line that started the task whose end is the reason, if another task's is."""
    complains: bool = False
    """What shows it is what the framework sends or logs, and not the exception that left the handler."""


@dataclass(frozen=True)
class Rule:
    """One rule of the catalogue.

    ``summary`` completes "it happened when …". ``why`` is what it does to a production system.
    ``effect`` ranks it among the findings of one line, and ``happens`` says it in a clause: "at 7 of
    99 `happens`". ``silence`` says when it may be intended. ``remedies`` are by framework, with ``""`` for any, and
    by setting behind a slash: ``litestar/lifespan``, ``/anyio``.
    ``detect`` gives the rule's occurrences on one connection.
    """

    code: str
    name: str
    summary: str
    effect: Effect
    happens: str
    why: str
    silence: str
    remedies: dict[str, str]
    detect: Callable[[Connection], Iterable[Occurrence]] = field(repr=False)
    breach: Breach | None = None
    """The forbidden messages that it is about, if it is about such."""
    links: tuple[str, ...] = ()
    """Where to read on: the issue that this was first seen in, the text that forbids it."""

    def remedy_for(self, framework: str, setting: str = "") -> str:
        """What to change, in the words of ``framework``, in code of the kind ``setting``.

        What fits both is better than what fits the code, and that than what fits the framework.
        """
        keys = (f"{framework}/{setting}", f"/{setting}") if setting else ()
        found = (self.remedies[key] for key in (*keys, framework) if key in self.remedies)
        return next(found, self.remedies[""])

    @property
    def shown(self) -> dict[str, str]:
        """What each server shows of the bad example: ``logged``, ``masked`` or ``no``, by server.

        Measured at every moment of every kind of disconnect. Empty without an example.
        """
        return _shown()["rules"].get(self.code, {})

    def settings_for(self, framework: str) -> list[str]:
        """The settings that ``framework`` has a remedy of its own for, "" first."""
        found = dict.fromkeys(
            setting
            for key in self.remedies
            for whose, _, setting in [key.partition("/")]
            if whose in {"", framework}
        )
        return sorted(found, key=bool)

    def links_for(self, framework: str) -> tuple[str, ...]:
        """Where to read on: the documentation of ``framework`` first."""
        page = DOCUMENTATION.get(framework, DOCUMENTATION["asgi"])
        return (page, *(link for link in self.links if link != page))

    @property
    def bad(self) -> str:
        """The source of an example that shows the rule's code; empty if there is none."""
        return self._example("bad")

    @property
    def fixed(self) -> str:
        """The source of the same example, corrected."""
        return self._example("fixed")

    def _example(self, which: str) -> str:
        path = Path(__file__).parent / "rules" / "examples" / f"{self.code.lower()}_{which}.py"
        return path.read_text(encoding="utf-8") if path.is_file() else ""


@cache
def _shown() -> dict[str, dict[str, dict[str, str]]]:
    path = Path(__file__).parent / "rules" / "shown.json"
    return msgspec.json.decode(path.read_bytes(), type=dict[str, dict[str, dict[str, str]]])


DOCUMENTATION = {
    "litestar": "https://docs.litestar.dev/2/usage/websockets.html",
    "starlette": "https://www.starlette.io/websockets/",
    "fastapi": "https://fastapi.tiangolo.com/advanced/websockets/",
    "quart": "https://quart.palletsprojects.com/en/latest/how_to_guides/websockets/",
    "channels": "https://channels.readthedocs.io/en/latest/topics/consumers.html",
    "asgi": "https://asgi.readthedocs.io/en/latest/specs/www.html#websocket",
}
"""What each framework says about WebSockets."""


ASGI = DOCUMENTATION["asgi"]
ORIGIN = "https://github.com/litestar-org/litestar/issues/4106"
"""Where a listener with a streaming task, and the errors that it ends with, were first reported."""


def seconds(value: float) -> str:
    """``value`` for people: ``2.0 s``, ``40 s``."""
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"  # noqa: PLR2004 - a tenth matters below ten
