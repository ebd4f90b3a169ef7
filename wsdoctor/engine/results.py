"""What an examination has found out so far."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.ending import Ending
from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.diagnosis.grouping import condensed
from wsdoctor.diagnosis.suspension import Conversation
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Recording
from wsdoctor.report.shard import CellResult, Confirmation, Witnessed


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A session in which nothing is wrong, and what makes it another one than that of the finding."""

    what: str
    recording: Recording


@dataclass(slots=True)
class Results:
    """The parts of an examination, by id, and what its findings' cases showed when they ran again.

    It grows while the cases run, so an interrupt loses nothing.
    """

    notes: list[str] = field(default_factory=list)
    parts: dict[str, CellResult] = field(default_factory=dict)
    again: dict[str, Confirmation] = field(default_factory=dict)
    witnessed: dict[str, Witnessed] = field(default_factory=dict)
    """What the emitted tests of the findings showed, by fingerprint."""
    conversations: dict[str, list[Conversation]] = field(default_factory=dict)
    """By route: what those reached by which its cases were planned."""
    beside: dict[str, Counterpart] = field(default_factory=dict)
    """Where the cases of findings go well, by id."""

    def begin(self, name: str, order: int, *, route: str, planned: int = 0) -> CellResult:
        """A new part of the work, called ``name``, at place ``order`` of the plan."""
        part = self.parts[name] = CellResult(id=name, order=order, route=route, planned=planned)
        return part

    def __iter__(self) -> Iterator[CellResult]:
        """The parts in the order of the plan."""
        return iter(sorted(self.parts.values(), key=lambda part: part.order))

    @property
    def rows(self) -> list[CaseResult]:
        return [row for part in self for row in part.rows]

    @property
    def diagnosed(self) -> list[Diagnosed]:
        return [case for part in self for case in part.diagnosed]

    @property
    def endings(self) -> list[Ending]:
        return [ending for part in self for ending in part.endings]

    def held(self, route: str) -> list[Conversation]:
        """All conversations with ``route`` whose lines were observed."""
        own = [item for part in self if part.route == route for item in part.conversations]
        return [*self.conversations.get(route, ()), *own]

    def condense(self) -> None:
        """Keep the events only of the cases that show a cause best, of all parts together."""
        kept = iter(condensed(self.diagnosed))
        for part in self:
            part.diagnosed = list(itertools.islice(kept, len(part.diagnosed)))

    @property
    def planned(self) -> int:
        return sum(part.planned for part in self)

    @property
    def run(self) -> int:
        return sum(part.run for part in self)

    @property
    def reached(self) -> set[StackFrame]:
        return {line for part in self for line in part.reached}

    @property
    def covered(self) -> set[StackFrame]:
        return {line for part in self for line in part.covered}
