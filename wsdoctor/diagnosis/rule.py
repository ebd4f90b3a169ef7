"""What a rule is, and what it gives: occurrences in one Recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import Struct

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.finding import Fault, Mark, Severity
from wsdoctor.recording.events import StackFrame


class Occurrence(Struct, frozen=True):
    """One thing that happened in one Recording.

    ``place`` is the user's line. ``explains`` are the exceptions that it raised or let out;
    ``blamed_on`` those that it came from: an occurrence whose ``blamed_on`` meets the ``explains``
    of another is a symptom of that other. ``index`` is the event that shows it, for the timeline.
    ``mark`` says whether the server logged it. ``task`` is the task that it is about, if it is about
    one. ``inside`` is the line of an installed package that is at fault (see ``packages``).
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
    task: int = 0
    inside: StackFrame | None = None


@dataclass(frozen=True)
class Rule:
    """One rule of the catalogue.

    ``summary`` completes "it happened when …". ``why`` is what it does to a production system.
    ``silence`` says when it may be intended. ``remedies`` are by framework, with ``""`` for any.
    ``detect`` gives the rule's occurrences on one connection.
    """

    code: str
    name: str
    summary: str
    why: str
    silence: str
    remedies: dict[str, str]
    detect: Callable[[Connection], Iterable[Occurrence]] = field(repr=False)

    def remedy_for(self, framework: str) -> str:
        """What to change, in the words of ``framework``."""
        return self.remedies.get(framework) or self.remedies[""]

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


def seconds(value: float) -> str:
    """``value`` for people: ``2.0 s``, ``40 s``."""
    return f"{value:.0f} s" if value >= 10 else f"{value:.1f} s"  # noqa: PLR2004 - a tenth matters below ten
