"""The campaign: every mutant of every twin, judged, and told apart from those that change nothing."""

from __future__ import annotations

import ast
import hashlib
import multiprocessing
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msgspec.structs import replace

from tests.mutation.judge import FIRST, SERVER, WIDE, Answer, Task, serve
from tests.mutation.observe import Behaviour, difference, essence
from tests.mutation.operators import OPERATORS
from tests.mutation.trees import Operator
from tests.mutation.twins import Twin, twins
from wsdoctor.explore.checkup import check

_PATIENCE = 30.0
"""Wall seconds for one case, which takes milliseconds: a program that needs more has frozen its process."""

Outcome = Literal["found", "told", "survived", "allowed", "equivalent", "no program"]
"""A finding above info; one of info that its twin has not; none, though it behaves otherwise, or only in
what the contract leaves open; it behaves as its twin; it cannot be run."""


@dataclass(frozen=True, eq=False)
class Mutant:
    """``twin`` after ``operator`` at ``line``; ``text`` is what was there, ``number`` counts within the line."""

    twin: Twin
    operator: Operator
    line: int
    number: int
    text: str
    source: str

    @property
    def id(self) -> str:
        suffix = f"#{self.number}" if self.number else ""
        return f"{self.twin.name}:{self.line}{suffix} {self.operator.name}"

    @property
    def lot(self) -> int:
        """A number from 0 to 99 that stays the same: what a sample draws by."""
        return hashlib.sha256(self.id.encode()).digest()[0] * 100 // 256


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant. ``codes`` are those found; ``detail`` is how it differs, or why it cannot run."""

    mutant: Mutant
    outcome: Outcome
    codes: tuple[str, ...] = ()
    detail: str = ""


def mutants(
    operators: Sequence[Operator] = OPERATORS, of: Iterable[Twin] | None = None
) -> Iterator[Mutant]:
    """Every mutant, in a fixed order; of the code that several twins share, those of the first one."""
    seen: set[tuple[Path, str, str]] = set()
    for twin in twins() if of is None else of:
        tree = ast.parse(twin.file.read_text(encoding="utf-8"))
        original = ast.unparse(tree)
        for operator in operators:
            numbers: dict[int, int] = {}
            for place in operator.change(tree):
                if place.line not in twin.lines:
                    continue
                number = numbers[place.line] = numbers.get(place.line, -1) + 1
                source = ast.unparse(ast.fix_missing_locations(tree))
                if source == original or (twin.file, operator.name, source) in seen:
                    continue
                seen.add((twin.file, operator.name, source))
                yield Mutant(twin, operator, place.line, number, place.text, source)
        assert ast.unparse(tree) == original


class Bench:
    """One process after the other that judges programs; each lives until a program freezes it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._count = 0

    def judge(self, twin: Twin, source: str, steps: tuple, *, to_the_end: bool = False) -> Answer:
        """The Answer on ``source`` as a program like ``twin``."""
        self._count += 1
        # A folder for each: what is imported by its name is imported once.
        file = self._folder / f"p{self._count}" / f"{twin.file.stem}_{self._count}.py"
        file.parent.mkdir()
        file.write_text(source, encoding="utf-8")
        if self._process is None:
            self._pipe, theirs = self._context.Pipe()
            self._process = self._context.Process(target=serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        self._pipe.send(Task(file, twin.options, steps, to_the_end=to_the_end))
        try:
            while self._pipe.poll(_PATIENCE):
                if (answer := self._pipe.recv()) is not None:
                    return answer
        except EOFError:
            pass
        self.close()
        return self._watched(twin, file)

    @staticmethod
    def _watched(twin: Twin, file: Path) -> Answer:
        """What freezes or ends its process is run once more as users run it: in one that is supervised."""
        options = replace(twin.options, servers=(SERVER,), kinds=("close", "abort", "burst"))
        report = check(f"{file}:app", options)
        return Answer(
            tuple(
                (item.code, item.severity, item.location.line if item.location else 0, item.message)
                for item in report.findings
                if item.severity != "info"
            ),
            seen={"frozen": frozenset()},
        )

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
            self._process = None


class Campaign:
    """Judges mutants on ``processes`` processes. Use as a context manager."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._temporary = tempfile.TemporaryDirectory(prefix="wsdoctor-mutation-")
        self._local = threading.local()
        self._benches: list[Bench] = []
        self._asking = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}
        self._originals: dict[str, Answer] = {}

    def __enter__(self) -> Campaign:
        return self

    def __exit__(self, *_: object) -> None:
        for bench in self._benches:
            bench.close()
        self._temporary.cleanup()

    @property
    def _bench(self) -> Bench:
        if not hasattr(self._local, "bench"):
            folder = Path(self._temporary.name).resolve() / str(threading.get_ident())
            folder.mkdir()
            self._local.bench = Bench(folder)
            self._benches.append(self._local.bench)
        return self._local.bench

    def run(
        self, chosen: Iterable[Mutant], told: Callable[[Verdict], None] = lambda _: None
    ) -> list[Verdict]:
        """The verdicts, in the order of the mutants."""

        def one(ask: Callable[[Mutant], Verdict | None]) -> Callable[[Mutant], Verdict | None]:
            def asked(mutant: Mutant) -> Verdict | None:
                verdict = ask(mutant)
                if verdict is not None:
                    told(verdict)
                return verdict

            return asked

        chosen = list(chosen)
        with ThreadPoolExecutor(self._processes) as pool:
            verdicts = dict(zip(chosen, pool.map(one(self._at_first), chosen), strict=True))
            left = [mutant for mutant in chosen if verdicts[mutant] is None]
            verdicts |= zip(left, pool.map(one(self._at_last), left), strict=True)
        return [verdict for verdict in verdicts.values() if verdict is not None]

    def _at_first(self, mutant: Mutant) -> Verdict | None:
        """The verdict if the first look gives one."""
        answer = self._bench.judge(mutant.twin, mutant.source, FIRST)
        return _verdict(mutant, answer)

    def _at_last(self, mutant: Mutant) -> Verdict:
        answer = self._bench.judge(mutant.twin, mutant.source, WIDE)
        if (verdict := _verdict(mutant, answer)) is not None:
            return verdict
        original = self._original(mutant.twin)
        if told := tuple(code for code in answer.told if code not in original.told):
            return Verdict(mutant, "told", told)
        if not (strictly := _difference(original.seen, answer.seen)):
            return Verdict(mutant, "equivalent")
        changed = _difference(_essence(original.seen), _essence(answer.seen))
        return Verdict(mutant, "survived" if changed else "allowed", detail=changed or strictly)

    def _original(self, twin: Twin) -> Answer:
        """The Answer on the twin itself: it is run once, however many ask."""
        with self._asking:
            lock = self._locks.setdefault(twin.name, threading.Lock())
        with lock:
            if twin.name not in self._originals:
                source = ast.unparse(ast.parse(twin.file.read_text(encoding="utf-8")))
                answer = self._bench.judge(twin, source, WIDE, to_the_end=True)
                assert not answer.failed, answer.failed
                assert not answer.findings, f"{twin.name}: {answer.findings}"
                self._originals[twin.name] = answer
            return self._originals[twin.name]


def _verdict(mutant: Mutant, answer: Answer) -> Verdict | None:
    if answer.failed:
        return Verdict(mutant, "no program", detail=answer.failed)
    if answer.findings:
        return Verdict(mutant, "found", tuple(dict.fromkeys(item[0] for item in answer.findings)))
    return None


def _difference(
    before: dict[str, frozenset[Behaviour]], after: dict[str, frozenset[Behaviour]]
) -> str:
    for place in sorted(before.keys() | after.keys()):
        if changed := difference(before.get(place, frozenset()), after.get(place, frozenset())):
            return f"{place}: {changed}"
    return ""


def _essence(seen: dict[str, frozenset[Behaviour]]) -> dict[str, frozenset[Behaviour]]:
    return {place: frozenset(map(essence, shown)) for place, shown in seen.items()}
