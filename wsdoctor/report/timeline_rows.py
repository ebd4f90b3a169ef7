"""A case as three lanes side by side: what the client did, what the app did, what was logged."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from rich.text import Text

from wsdoctor.report.layout import flattest, visible
from wsdoctor.report.model import Timeline

LANES = ("client", "app", "log")
MOST_ROWS = 24

_TIME = 9
_GAP = 2
_NARROWEST = 16
_FAULTY = "X"

Row = tuple[float, str, str, bool]


def lines(timeline: Timeline, width: int) -> Iterator[Text]:
    """The timeline in ``width`` columns; the faulty row has an ``X`` before it."""
    rows, left_out = condensed(timeline.rows)
    used = [lane for lane in LANES if any(row[1] == lane for row in rows)]
    texts = [[visible(text) for _, of, text, _ in rows if of == lane] for lane in used]
    widths = flattest(texts, width - _TIME - _GAP * len(used), _NARROWEST)
    lanes = dict(zip(used, widths, strict=True))
    heading = (" " * _GAP).join(f"{lane:<{size}}" for lane, size in lanes.items())
    yield Text(f"  {'seconds':>{_TIME - 2}}  {heading}".rstrip(), style="dim")
    for number, row in enumerate(rows):
        if number == left_out.position and left_out.rows:
            yield Text(f"{' ' * (_TIME + _GAP)}... {left_out.rows} more ...", style="dim")
        yield from _row(row, lanes)


class LeftOut(NamedTuple):
    """``rows`` rows are missing before row ``position``."""

    position: int = 0
    rows: int = 0


def condensed(rows: tuple[Row, ...]) -> tuple[tuple[Row, ...], LeftOut]:
    """At most MOST_ROWS rows: the beginning, and the neighbourhood of the first faulty row."""
    if len(rows) <= MOST_ROWS:
        return rows, LeftOut()
    beginning = 4
    rest = MOST_ROWS - beginning
    faulty = next((i for i, row in enumerate(rows) if row[3]), len(rows) - 1)
    start = min(max(faulty - rest // 2, beginning), len(rows) - rest)
    kept = rows[:beginning] + rows[start : start + rest]
    return kept, LeftOut(beginning, start - beginning)


def _row(row: Row, lanes: dict[str, int]) -> Iterator[Text]:
    time, lane, text, faulty = row
    names = list(lanes)
    before = sum(lanes[name] + _GAP for name in names[: names.index(lane)])
    for number, line in enumerate(textwrap.wrap(visible(text), lanes[lane]) or [""]):
        mark = _FAULTY if faulty and not number else " "
        clock = f"{time:.3f}" if not number else ""
        yield Text(
            f"{mark} {clock:>{_TIME - 2}}  {' ' * before}{line}",
            style="bold red" if faulty else "",
        )
