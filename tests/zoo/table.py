"""The table of the zoo, docs/zoo.md: how many there are of what, and how often each was found.

``python -m tests.zoo.table`` runs every buggy handler, at every moment of the kinds of its row, and
writes the page anew; ``python -m tests.zoo.table APP …`` only those of these applications. What it says
of the rows themselves is held to them by a test.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.zoo.pair import Pair
from tests.zoo.test_zoo import examined
from tests.zoo.zoo import ZOO
from wsdoctor.diagnosis.rules import RULES

PAGE = Path(__file__).parents[2] / "docs" / "zoo.md"

FRAMEWORKS = {
    "litestar": "Litestar",
    "starlette": "Starlette",
    "fastapi": "FastAPI",
    "quart": "Quart",
    "channels": "Django Channels",
    "asgi": "raw ASGI",
}
"""By the beginning of an application's name."""

FAMILIES = {
    "1": "1xx contract",
    "2": "2xx disconnect",
    "3": "3xx leaks",
    "4": "4xx liveness",
    "5": "5xx cancellation",
    "6": "6xx wire, data",
}

HEAD = """# The zoo

Realistic handlers with one defect each, and beside each the closest correct one (`tests/zoo/apps`). The tests
meet both at the named moments; and a sixth of the rows, which the day chooses, at every moment of their
connection's life, on one of the three servers, each time another one. A buggy one must be found for its code,
on its line, and for nothing else; on its twin nothing may be found, at any kind of disconnect. Most are
re-created from public reports of such bugs. `python -m tests.zoo.table` makes this page, with all at every
moment.
"""

Found = Mapping[tuple[str, str], str]
"""How often a pair's bug was found, as text, by application and name."""


def framework(pair: Pair) -> str:
    return FRAMEWORKS[pair.app.partition("_")[0]]


def overview() -> str:
    """How many pairs there are of each framework and family of rules."""
    counts = Counter((framework(pair), pair.code[3]) for pair in ZOO)
    head = ["pairs", *FAMILIES.values(), "all"]
    rows = [
        [name, *(counts[name, family] for family in FAMILIES), _of(counts, name)]
        for name in FRAMEWORKS.values()
    ]
    total = ["all", *(sum(row[1 + i] for row in rows) for i in range(len(FAMILIES))), len(ZOO)]
    return _table([head, *rows, total])


def _of(counts: Counter[tuple[str, str]], name: str) -> int:
    return sum(count for (other, _), count in counts.items() if other == name)


def rules() -> str:
    """How many pairs there are of each rule."""
    counts = Counter(pair.code for pair in ZOO)
    return _table(
        [
            ["rule", "pairs"],
            *([f"{code} `{RULES[code].name}`", n] for code, n in sorted(counts.items())),
        ]
    )


def listing(found: Found) -> str:
    """Every pair: where it is, what it shows, and at how many of the moments that was found."""
    head = ["application", "pair", "code", "found at", "as reported in"]
    rows = [
        [f"`{pair.app}`", pair.name, pair.code, found.get((pair.app, pair.name), ""), _source(pair)]
        for pair in ZOO
    ]
    return _table([head, *rows])


def _source(pair: Pair) -> str:
    if not pair.source:
        return ""
    _, _, _, owner, name, _, number = pair.source.split("/")
    return f"[{owner}/{name}#{number}]({pair.source})"


def _table(rows: Sequence[Sequence[object]]) -> str:
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def page(found: Found) -> str:
    """The whole page."""
    return (
        "\n\n".join([HEAD.strip(), overview(), "By rule:", rules(), "Every pair:", listing(found)])
        + "\n"
    )


def said(text: str) -> dict[tuple[str, str], str]:
    """What a page says of how often each was found."""
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    return {
        (row[1].strip("`"), row[2]): row[4] for row in rows if len(row) == 7 and row[1][:1] == "`"
    }


def how_often(pair: Pair) -> str:
    """Runs the buggy one of ``pair``."""
    findings, _ = examined(pair, bug=True)
    moments = [item.moments for item in findings if item.code == pair.code]
    return f"{moments[0].failing} of {moments[0].checked}" if moments else "none"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.zoo.table", description=__doc__)
    apps = sorted({pair.app for pair in ZOO})
    parser.add_argument("apps", nargs="*", metavar="APP", help=", ".join(apps))
    chosen = parser.parse_args().apps or apps
    found = said(PAGE.read_text(encoding="utf-8"))
    found |= {(pair.app, pair.name): how_often(pair) for pair in ZOO if pair.app in chosen}
    PAGE.write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
