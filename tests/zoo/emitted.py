"""The table of docs/emitted.md: which bugs of the zoo their emitted tests show on stock asyncio.

``python -m tests.zoo.emitted`` checks every buggy handler at the named moments, runs the test of each
finding above ``info`` in a process of its own, and writes the page anew. It takes a quarter of an hour on
two cores. With words, it takes the pairs that have one of them in their name, and writes nothing.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.zoo.pair import Pair
from tests.zoo.test_zoo import marked
from tests.zoo.zoo import APPS, ZOO
from wsdoctor.diagnosis.finding import Finding
from wsdoctor.engine import witness
from wsdoctor.engine.check import check
from wsdoctor.report.shard import Witnessed

AT_ONCE = 3
"""Pairs that are measured side by side: most of their time they wait."""

QUICK = 10.0
"""Wall seconds in which a test is to show what it looks for."""

PAGE = Path(__file__).parents[2] / "docs" / "emitted.md"

HEAD = """# Emitted tests on stock asyncio

`wsdoctor replay --emit pytest` writes a test of plain uvicorn, websockets and asyncio, on the wall clock, with
nothing of wsdoctor in it. `check` runs it to confirm a finding. Here every finding above `info` of the buggy
handlers in `tests/zoo` was confirmed in this way; on the finding's handler such a test has to fail.
`python -m tests.zoo.emitted` makes this page.
"""

MEANS = {
    "failed": "it fails, as it has to",
    "not-met": "its moment is too fine for a wall clock",
    "not-run": "it could not be run",
    "passed": "it passes: the finding becomes inconclusive",
}


@dataclass(frozen=True)
class Row:
    """A finding of a pair, and in how many wall seconds its emitted test did what it did, pytest included."""

    pair: Pair
    finding: Finding
    seconds: float

    @property
    def test(self) -> str:
        return self.finding.confirmed.test


def measured(pair: Pair) -> list[Row]:
    """The findings of the buggy one of ``pair``, each with what its test did."""
    rows = []
    for options in pair.options(bug=True, swept=False):
        chosen = replace(
            options, paths=(pair.route(bug=True),), confirm="emitted", confirm_time=600.0
        )
        took.clear()
        report = check(f"{APPS / pair.app}.py:app", chosen)
        rows += [
            Row(pair, item, took.get(item.fingerprint, 0.0))
            for item in report.findings
            if item.confirmed.test == "passed" or item.severity != "info"
        ]
    return rows


took: dict[str, float] = {}
"""Wall seconds of the emitted tests of the last check, by the fingerprints of their findings."""


def _prepare() -> None:
    """Begin a process that measures: note how long each test takes."""
    os.chdir(APPS)
    hear = witness._hear  # a report does not say how long it took

    def timed(testimony: Any, *more: Any) -> Witnessed:
        answer = hear(testimony, *more)
        took[testimony.fingerprint] = answer.seconds
        return answer

    witness._hear = timed  # type: ignore[assignment]  # it takes the same


def page(rows: list[Row]) -> str:
    """The page: how many tests did what, and each that did not fail."""
    others = [
        f"| `{row.pair.app}` | {row.pair.name} | {row.finding.code} | {row.finding.severity} "
        f"| {row.finding.confirmed.note} |"
        for row in rows
        if row.test != "failed"
    ]
    return "\n".join(
        (
            HEAD,
            f"| the emitted test | errors, within {QUICK:.0f} s | errors | warnings |",
            "|---|--:|--:|--:|",
            *(_counted(rows, test) for test in MEANS if any(row.test == test for row in rows)),
            _counted(rows, ""),
            "",
            "Those that did not fail, and why:" if others else "All of them failed.",
            "",
            *(
                (
                    "| application | pair | code | severity | why |",
                    "|---|---|---|---|---|",
                    *others,
                    "",
                )
                if others
                else ()
            ),
        )
    )


def _counted(rows: Iterable[Row], test: str) -> str:
    counts: Counter[str] = Counter()
    for row in rows:
        if test in {"", row.test}:
            counts[row.finding.severity] += 1
            counts["quick"] += row.finding.severity == "error" and row.seconds <= QUICK
    cells = (MEANS.get(test, "all"), *(str(counts[name]) for name in ("quick", "error", "warning")))
    return f"| {' | '.join(cells)} |"


def main() -> int:
    words = sys.argv[1:]
    pairs = [p for p in ZOO if not words or any(word in f"{p.app} {p.name}" for word in words)]
    rows: list[Row] = []
    otherwise = 0
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, mp_context=spawn, initializer=_prepare) as pool:
        for pair, found in zip(pairs, pool.map(measured, pairs), strict=True):
            told = {row.finding.code for row in found}
            expected = {code for code, _ in marked(pair)}
            otherwise += not found or not told <= expected
            rows += found
            said = [f"{row.finding.code} {row.test} {row.seconds} s" for row in found]
            print(pair.app, pair.name, ", ".join(said) or "nothing was found", flush=True)
            if not told <= expected:
                print("   but it is about", *expected, flush=True)
    if not words:
        PAGE.write_text(page(rows), encoding="utf-8")
    return int(bool(otherwise) or any(row.test == "passed" for row in rows))


if __name__ == "__main__":
    sys.exit(main())
