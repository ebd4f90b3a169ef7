"""The campaign: every mutant of every twin, judged, and told apart from those that change nothing."""

from __future__ import annotations

import ast
import functools
import hashlib
import multiprocessing
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Self

from tests.mutation.judge import EVERY_KIND, FIRST, SERVER, WIDE, Answer, Task, serve
from tests.mutation.observe import Behaviour, Facts, difference, essence
from tests.mutation.operators import OPERATORS
from tests.mutation.rewrites import REWRITES
from tests.mutation.trees import Operator
from tests.mutation.twins import Twin, twins
from wsdoctor.engine.check import check
from wsdoctor.options.check import Options

_PATIENCE = 30.0
"""Wall seconds for one case, which takes milliseconds: a program that needs more has frozen its process."""

_LIFE = 50
"""Programs that one process judges: what they leave in it makes it slower and slower."""

Outcome = Literal["found", "told", "survived", "allowed", "equivalent", "no program"]
"""A finding above info; one of info that its twin has not; none, though it does what its twin never
does; what it does otherwise the contract leaves open, or its twin does it at other moments; it behaves as
its twin; it cannot be run."""


@dataclass(frozen=True, eq=False)
class Mutant:
    """``twin`` after ``operator`` at ``line``; ``text`` is what was there; ``number`` tells it from others of that text."""

    twin: Twin
    operator: Operator
    line: int
    number: int
    text: str
    source: str

    @property
    def id(self) -> str:
        """It has no line number in it: it survives edits elsewhere."""
        again = f" #{self.number + 1}" if self.number else ""
        return f"{self.twin.name} {self.operator.name}: {self.text}{again}"

    @property
    def lot(self) -> int:
        """A number from 0 to 99 that stays the same: what a sample draws by."""
        return hashlib.sha256(self.id.encode()).digest()[0] * 100 // 256


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant. ``codes`` are those found or told.

    ``facts`` are what is otherwise ``where``, at some server and kind, if nothing is said of it.
    ``failed`` says why it cannot be run.
    """

    mutant: Mutant
    outcome: Outcome
    codes: tuple[str, ...] = ()
    where: str = ""
    facts: Facts = field(default_factory=dict)
    failed: str = ""


@functools.cache
def mutants(operators: tuple[Operator, ...] = OPERATORS) -> tuple[Mutant, ...]:
    """Every mutant, in a fixed order; of the code that several twins share, those of the first one."""
    return tuple(_made(operators))


def _made(operators: tuple[Operator, ...]) -> Iterator[Mutant]:
    seen: set[tuple[Path, str, str]] = set()
    for twin in twins():
        tree = ast.parse(twin.file.read_text(encoding="utf-8"))
        original = ast.unparse(tree)
        for operator in operators:
            numbers: Counter[str] = Counter()
            for place in operator.change(tree):
                if place.line not in twin.lines:
                    continue
                source = ast.unparse(ast.fix_missing_locations(tree))
                if source == original or (twin.file, operator.name, source) in seen:
                    continue
                seen.add((twin.file, operator.name, source))
                number = numbers[place.text]
                numbers[place.text] += 1
                yield Mutant(twin, operator, place.line, number, place.text, source)
        assert ast.unparse(tree) == original


def rewrites() -> tuple[Mutant, ...]:
    """The rewrites of every twin: of those that one operator makes in it, the last, nearest to its handler."""
    last = {(item.twin.name, item.operator.name): item for item in mutants(REWRITES)}
    return tuple(last.values())


class Bench:
    """One process after the other that judges programs; each lives until one freezes it, or it is old."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._context = multiprocessing.get_context("spawn")
        self._process: multiprocessing.process.BaseProcess | None = None
        self._count = 0

    def judge(
        self, twin: Twin, source: str, steps: tuple[Options, ...], *, to_the_end: bool = False
    ) -> Answer:
        """The Answer on ``source`` as a program like ``twin``."""
        self._count += 1
        # A folder for each: what is imported by its name is imported once.
        file = self._folder / f"p{self._count}" / f"{twin.file.stem}_{self._count}.py"
        file.parent.mkdir()
        file.write_text(source, encoding="utf-8")
        if self._count % _LIFE == 0:
            self.close()
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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for bench in self._benches:
            bench.close()
        self._temporary.cleanup()

    @property
    def _bench(self) -> Bench:
        if not hasattr(self._local, "bench"):
            # Not by the number of the thread, which is given again.
            folder = Path(tempfile.mkdtemp(dir=self._temporary.name)).resolve()
            self._local.bench = Bench(folder)
            self._benches.append(self._local.bench)
        return self._local.bench

    def run(
        self, chosen: Iterable[Mutant], told: Callable[[Verdict], None] = lambda _: None
    ) -> list[Verdict]:
        """The verdicts, in the order of the mutants; ``told`` of each as soon as it is known."""

        def one(ask: Callable[[Mutant], Verdict | None]) -> Callable[[Mutant], Verdict | None]:
            def asked(mutant: Mutant) -> Verdict | None:
                verdict = ask(mutant)
                if verdict is not None:
                    told(verdict)
                return verdict

            return asked

        chosen = list(chosen)
        verdicts: dict[Mutant, Verdict | None] = {}
        with ThreadPoolExecutor(self._processes) as pool:
            verdicts |= zip(chosen, pool.map(one(self._at_first), chosen), strict=True)
            left = [mutant for mutant in chosen if verdicts[mutant] is None]
            verdicts |= zip(left, pool.map(one(self._at_last), left), strict=True)
        return [verdict for verdict in verdicts.values() if verdict is not None]

    def rewritten(
        self, chosen: Iterable[Mutant], told: Callable[[Verdict], None] = lambda _: None
    ) -> list[Verdict]:
        """The verdicts on programs that have to stay clean: ``found`` is a false alarm."""

        def one(mutant: Mutant) -> Verdict:
            answer = self._bench.judge(mutant.twin, mutant.source, EVERY_KIND)
            verdict = _verdict(mutant, answer) or Verdict(mutant, "equivalent")
            told(verdict)
            return verdict

        with ThreadPoolExecutor(self._processes) as pool:
            return list(pool.map(one, chosen))

    def _at_first(self, mutant: Mutant) -> Verdict | None:
        """The verdict if the first look gives one."""
        answer = self._bench.judge(mutant.twin, mutant.source, FIRST)
        return _verdict(mutant, answer)

    def _at_last(self, mutant: Mutant) -> Verdict:
        answer = self._bench.judge(mutant.twin, mutant.source, WIDE)
        if (verdict := _verdict(mutant, answer)) is not None:
            return verdict
        original = self._original(mutant.twin)
        if told := [item for item in answer.told if item not in original.told]:
            return Verdict(mutant, "told", tuple(dict.fromkeys(code for code, _ in told)))
        if original.seen == answer.seen:
            return Verdict(mutant, "equivalent")
        where, facts = _difference(_essence(original.seen), _essence(answer.seen))
        if facts:  # a thread of its own may not do the same in each run
            again = self._judged_again(mutant.twin)
            where, facts = _difference(_essence(again), _essence(answer.seen))
        return Verdict(mutant, "survived" if facts else "allowed", where=where, facts=facts)

    def _judged_again(self, twin: Twin) -> Seen:
        """What the twin shows, or has shown when it was judged before."""
        source = ast.unparse(ast.parse(twin.file.read_text(encoding="utf-8")))
        answer = self._bench.judge(twin, source, WIDE, to_the_end=True)
        before = self._original(twin).seen
        return {
            place: before.get(place, frozenset()) | answer.seen.get(place, frozenset())
            for place in before | answer.seen
        }

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
        return Verdict(mutant, "no program", failed=answer.failed)
    if answer.findings:
        return Verdict(mutant, "found", tuple(dict.fromkeys(item[0] for item in answer.findings)))
    return None


Seen = dict[str, frozenset[Behaviour]]
"""The behaviours of a program, by server and kind."""


def _difference(before: Seen, after: Seen) -> tuple[str, Facts]:
    """The first server and kind at which something new is seen, and what it is."""
    for place in sorted(before.keys() | after.keys()):
        if facts := difference(before.get(place, frozenset()), after.get(place, frozenset())):
            return place, facts
    return "", {}


def _essence(seen: Seen) -> Seen:
    return {place: frozenset(map(essence, shown)) for place, shown in seen.items()}
