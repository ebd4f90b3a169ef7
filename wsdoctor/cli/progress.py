"""How far a run is: a bar on a terminal, a line now and then elsewhere. Always on stderr."""

from __future__ import annotations

import os
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from wsdoctor.diagnosis.finding import CaseResult
    from wsdoctor.engine.runner import Progress

LINE_EVERY = 10.0
"""Seconds between two plain lines: a CI system that sees none for minutes ends the job."""


class _Counting(ABC):
    """Cases planned and done so far; a run may plan several times, once a variant or route."""

    def __init__(self, what: str) -> None:
        self.what = what
        self.total = 0
        self.done = 0
        self.failing = 0

    def planned(self, total: int) -> None:
        self.total += total
        self.show(force=False)

    def case_done(self, result: CaseResult) -> None:
        self.done += 1
        self.failing += result.verdict == "defective"
        self.show(force=False)

    def state(self) -> str:
        failing = f", {self.failing} with findings" if self.failing else ""
        return f"{self.done} of {self.total} cases{failing}"

    @abstractmethod
    def show(self, *, force: bool) -> None:
        """Show the state, unless it was shown a moment ago and not ``force``."""


class _Silent(_Counting):
    def show(self, *, force: bool) -> None:
        pass


class _Lines(_Counting):
    def __init__(self, what: str) -> None:
        super().__init__(what)
        self._next = time.monotonic() + LINE_EVERY

    def show(self, *, force: bool) -> None:
        now = time.monotonic()
        if force or now >= self._next:
            self._next = now + LINE_EVERY
            print(f"wsdoctor: {self.what}: {self.state()}", file=sys.stderr, flush=True)


class _OnBar(_Counting):
    def __init__(self, what: str, bar: Bar) -> None:
        super().__init__(what)
        self._bar = bar
        self._task = bar.add_task(what, total=None, state="")

    def show(self, *, force: bool) -> None:
        self._bar.update(
            self._task, total=self.total, completed=self.done, state=self.state(), refresh=force
        )


@contextmanager
def progress(what: str, *, quiet: bool = False) -> Iterator[Progress]:
    """A Progress for the time of the ``with`` block. ``quiet``: nothing unless it is a terminal."""
    if not _is_terminal():
        yield _Silent(what) if quiet else _Lines(what)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[state]}", markup=False),
        TimeElapsedColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _OnBar(what, bar)


def _is_terminal() -> bool:
    """Whether a bar can be redrawn on stderr; in CI it would become a thousand lines."""
    if os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        return False
    return sys.stderr.isatty()
