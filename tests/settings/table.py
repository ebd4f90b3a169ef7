"""The table of docs/settings.md, made from the declarations of the options.

``python -m tests.settings.table`` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from wsdoctor.options.option import Option
from wsdoctor.settings.file import keys

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"

BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def table() -> str:
    """The rows: key, type, what it is, and the flag."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    yield "| key | type | default | what it is | on the command line |"
    yield "|---|---|---|---|---|"
    for key, item in keys().items():
        cells = (f"`{key}`", item.form.words, _default(item), item.about, _flag(item))
        yield f"| {' | '.join(cells)} |"


def _default(item: Option) -> str:
    """The default of ``wsdoctor check``, as it would stand in the file; "" if that is nothing."""
    value = item.form.shown(item.of("check").default)
    return f"`{json.dumps(value)}`" if value or value is False else ""


def _flag(item: Option) -> str:
    if item.flags:
        return f"`{item.flags[0].rpartition('/')[2]}`"  # of a pair the one that switches it off
    return (item.metavar or "").strip("[]")


def main() -> None:
    """Put the table into its page."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    PAGE.write_text(f"{before}{BEGIN}{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
