"""What a rule is, and what it gives: occurrences in one Recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import msgspec
from msgspec import Struct

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import Breach
from wsdoctor.diagnosis.emitted import Check, Evidence
from wsdoctor.diagnosis.finding import Fault, Mark, Severity
from wsdoctor.diagnosis.logged import Signature, Traceback
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
    user's code may have had no part in it (``diagnosis.exception_path``). ``task`` is the task that it is about, if
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
    """Whether the framework's message or log shows it, and not the exception that left the handler."""


Relation = Callable[[Occurrence, Occurrence], bool]
"""Whether the second occurrence, of the same case, is a symptom of the first."""


def always(_cause: Occurrence, _symptom: Occurrence) -> bool:
    return True


def at_the_same_place(cause: Occurrence, symptom: Occurrence) -> bool:
    return cause.place == symptom.place


def of_the_same_task(cause: Occurrence, symptom: Occurrence) -> bool:
    return cause.task == symptom.task


def by_a_package_there(cause: Occurrence, symptom: Occurrence) -> bool:
    """Whether ``symptom`` is a package's task that serves what the user's line has left open."""
    return symptom.of_package and cause.place == symptom.place


FAMILIES = {
    "0": "Could not check",
    "1": "ASGI contract",
    "2": "Disconnect handled wrongly",
    "3": "Leaks",
    "4": "Liveness",
    "5": "Cancellation",
    "6": "Wire and data",
    "8": "Servers",
}
"""What the first digit of a rule's code means."""

Stage = Literal["start", "handshake", "moment"]
"""What a case does not get past: the start of the application, its handshake, or its moment."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule of the catalogue, with all that depends on it: no module outside the rules names its code.

    ``summary`` completes "it happened when …". ``severity`` says how grave it is, and when, as a clause.
    ``why`` is what it does to a production system.
    ``effect`` ranks it among the findings of one line, and ``happens`` says it in a clause: "at 7 of
    99 `happens`". ``silence`` says when it may be intended. ``remedies`` are by framework, with ``""`` for any, and
    by setting behind a slash: ``litestar/lifespan``, ``/anyio``.
    ``detect`` gives the rule's occurrences on one connection.

    The other fields have a default that fits most rules. If two rules are related, the one that is the
    cause names the other.
    """

    code: str
    name: str
    summary: str
    severity: str
    effect: Effect
    happens: str
    why: str
    silence: str
    remedies: dict[str, str]
    detect: Callable[[Connection], Iterable[Occurrence]] = field(repr=False)
    links: tuple[str, ...] = ()
    """Where to read on: the issue that this was first seen in, the text that forbids it."""

    # --- where it is looked for

    stops_at: Stage | None = None
    """What a case that shows it does not get past, so that the application itself was not checked."""
    in_company: bool = False
    """It is looked for in cases with a second client, which ask what one client does to another."""
    in_scarcity: bool = False
    """It is looked for in cases where a pool has fewer to lend than there are clients."""
    in_overflow: bool = False
    """It is looked for after more events than are recorded: the first ones are enough to tell."""
    across_servers: bool = False
    """It compares the same case on several servers, so no single case shows it."""
    breach: Breach | None = None
    """The forbidden messages that it is about, if it is about such."""

    # --- what it explains

    rank: int
    """Its place in the order of rules: of two that explain each other, the smaller number is the cause.

    A rule has a smaller number than those that it always explains. No two are equal.
    """
    explains: Mapping[str, Relation] = field(default_factory=dict)
    """The codes of rules that may be symptoms of it, each with the condition; "" is any rule."""
    comes_of: Relation | None = None
    """Whether it is a symptom of an occurrence of any rule."""
    overrules: bool = False
    """It explains everything else on the connection, except other rules that overrule."""
    breaks_off: bool = False
    """The handler, or its clean-up, is left before it is done. So it explains what is ``not_tidied``."""
    not_tidied: bool = False
    """It is something that a clean-up would have tidied up."""
    lateness: Literal["causes", "is", "neither"] = "causes"
    """Whether it makes a handler return late, is that the handler is late, or has no part in that."""
    lingers: bool = False
    """The handler stays after the end of the connection. So its tasks send on, which has its own cause."""

    # --- what one finding is

    of_a_function: bool = False
    """Several lines of one function that show it are one finding: one `except` is missing."""
    stands_apart: bool = False
    """It is a finding of its own, whatever else is wrong at its line."""
    unending_await: bool = False
    """It is an await that does not end. It is one finding, whether the client or the server waits for it."""
    tells_of_return: bool = False
    """It tells by itself on which servers the handler returns late, or never."""
    tells_of_hang: bool = False
    """It tells what became of a handler that has not returned."""

    # --- its emitted test

    checks: Mapping[Evidence, Check] = field(default_factory=dict, repr=False)
    """What the emitted test checks, by what the occurrence is about; ``""`` is the usual check.

    Without any, the test looks for every defect of the connection.
    """
    ends_process: bool = False
    """The process ends with it, and so does an emitted test that shows it."""

    # --- what a log shows of it

    signatures: tuple[Signature, ...] = ()
    """Texts of which it is the likeliest rule."""
    tracebacks: tuple[Traceback, ...] = ()
    """Ends of tracebacks of which it is the likeliest rule."""
    in_callback: bool = False
    """It is about a function that the event loop calls: a log's line is that of the callback."""

    @property
    def family(self) -> str:
        """A key of ``FAMILIES``."""
        return self.code.removeprefix("WSD")[0]

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
