"""The source that a reader of a report wants to see: the functions that its lines are in."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from wsdoctor.report.model import Excerpt

_LONGEST = 80
"""Lines of one function; of a longer one those around the line."""

_AROUND = 3
"""Lines on both sides of a line that is in no function."""


def excerpts(lines: Iterable[tuple[str, int]], sources: Mapping[str, str]) -> tuple[Excerpt, ...]:
    """The functions around ``lines`` (file, number), each line once.

    ``sources`` are texts by file; a file that is not among them is read from the disk, if it is there.
    """
    wanted: dict[str, set[int]] = {}
    for file, number in lines:
        wanted.setdefault(file, set()).add(number)
    return tuple(
        excerpt
        for file, numbers in sorted(wanted.items())
        for excerpt in _of_file(file, numbers, sources)
    )


def _of_file(file: str, numbers: set[int], sources: Mapping[str, str]) -> Iterator[Excerpt]:
    text = sources.get(file) or _read(file)
    lines = text.splitlines()
    shown: set[int] = set()
    functions = list(_functions(text))
    for number in numbers:
        shown.update(_around(number, functions, len(lines)))
    for first, last in _runs(sorted(shown)):
        yield Excerpt(file, first, tuple(lines[first - 1 : last]))


def _read(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _functions(text: str) -> Iterator[tuple[int, int]]:
    """First and last line of every function, its decorators included."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(item.lineno for item in node.decorator_list)])
            yield first, node.end_lineno or node.lineno


def _around(number: int, functions: list[tuple[int, int]], total: int) -> range:
    holding = [(first, last) for first, last in functions if first <= number <= last]
    if not holding:
        first, last = number - _AROUND, number + _AROUND
    else:
        first, last = min(holding, key=lambda span: span[1] - span[0])
        if last - first >= _LONGEST:
            half = _LONGEST // 2
            first, last = max(first, number - half), min(last, number + half)
    return range(max(first, 1), min(last, total) + 1)


def _runs(numbers: list[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers without a gap."""
    start = 0
    for index, number in enumerate(numbers):
        if index + 1 == len(numbers) or numbers[index + 1] != number + 1:
            yield numbers[start], number
            start = index + 1
