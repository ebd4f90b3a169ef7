"""What whole checks cost in processor time, as ratios within one run: ``python -m tests.benchmarks.checks``.

Each command runs in a process of its own, the commands in turn, so that whatever else the machine does
falls on all of them. The processor time is that of the command and of its workers, the least of all
rounds. ``--against`` takes the ``wsdoctor`` of another environment, to compare two commits.
"""

from __future__ import annotations

import argparse
import re
import resource
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

APPS = Path(__file__).parent / "apps"


@dataclass(frozen=True)
class Measured:
    """One command: the least CPU seconds that it took, and the cases that it ran."""

    seconds: float
    cases: int

    @property
    def each(self) -> float:
        return self.seconds / self.cases


NO_MESSAGE = ("check", "--confirm", "none", "--no-made-up-message")

COMMANDS: dict[str, tuple[str, ...]] = {
    "listener": ("check", "listener.py:app"),
    "listener, no message": ("check", "--no-made-up-message", "listener.py:app"),
    "slow import": (*NO_MESSAGE, "heavy.py:app"),
    "0.5 Hz": (*NO_MESSAGE, "streams.py:slow"),
    "50 Hz": (*NO_MESSAGE, "streams.py:fast"),
    "50 Hz, 400 KB": (*NO_MESSAGE, "streams.py:large"),
    "defective": (*NO_MESSAGE, "streams.py:defective"),
    "run naive": ("run", "--variant", "naive"),
}

RATIOS: tuple[tuple[str, str, bool], ...] = (
    ("50 Hz", "0.5 Hz", False),
    ("50 Hz, 400 KB", "50 Hz", False),
    ("defective", "0.5 Hz", True),
    ("slow import", "listener, no message", True),
)
"""Pairs of checks to compare; true: for each case."""

COMPARED = ("listener", "listener, no message", "run naive")
"""Checks to compare with another commit …"""

NEWER = frozenset({"--no-made-up-message"})
"""… which may not know these options yet: it has no second conversation to leave out."""


def measured(program: Sequence[str], arguments: Sequence[str]) -> Measured:
    """Run ``program`` once."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [*program, *arguments], cwd=APPS, capture_output=True, text=True, check=False
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in {0, 1}:
        raise SystemExit(f"{' '.join(arguments)}: exit {done.returncode}\n{done.stderr}")
    cases = re.search(r"([\d,]+) cases", done.stdout)
    return Measured(
        after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime,
        int(cases[1].replace(",", "")) if cases else 1,
    )


def least(rounds: list[Measured]) -> Measured:
    return min(rounds, key=lambda measured: measured.seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--against", metavar="WSDOCTOR", help="the command of another environment")
    parser.add_argument("--only", nargs="*", default=list(COMMANDS), choices=list(COMMANDS))
    options = parser.parse_args()
    here = (sys.executable, "-m", "wsdoctor")
    ours: dict[str, list[Measured]] = {name: [] for name in options.only}
    theirs: dict[str, list[Measured]] = {name: [] for name in COMPARED if options.against}
    for _ in range(options.rounds):
        for name, rounds in ours.items():
            rounds.append(measured(here, COMMANDS[name]))
            if name in theirs:
                known = [word for word in COMMANDS[name] if word not in NEWER]
                theirs[name].append(measured((options.against,), known))
    for name, rounds in ours.items():
        one = least(rounds)
        print(
            f"{name:22} {one.seconds:6.2f} s {one.cases:6,} cases {one.each * 1000:6.1f} ms a case"
        )
    print()
    for this, that, for_each in RATIOS:
        if this in ours and that in ours:
            mine, other = least(ours[this]), least(ours[that])
            ratio = mine.each / other.each if for_each else mine.seconds / other.seconds
            print(f"{this} / {that}: {ratio:.2f}{' a case' if for_each else ''}")
    for name, rounds in theirs.items():
        if name in ours:
            ratio = least(ours[name]).seconds / least(rounds).seconds
            print(f"{name} / the other commit: {ratio:.2f} ({least(rounds).seconds:.2f} s there)")


if __name__ == "__main__":
    main()
