"""Write what pages say of all rules anew: ``python -m tests.rules.tables``.

That is the tables in ``docs/rules.md``, and in ``README.md`` the number of rules that no log shows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from wsdoctor.diagnosis.rule import FAMILIES, Rule
from wsdoctor.diagnosis.rules import RULES

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "rules.md"
README = ROOT / "README.md"

EXAMPLES = "../wsdoctor/diagnosis/rules/examples"
_FIRST = re.compile(r"^## \dxx ", re.MULTILINE)
_SILENT = re.compile(r"(?<=\()\d+ of \d+(?= leave no trace)")


def page(text: str) -> str:
    """``text`` of docs/rules.md with the families and rules of today."""
    head = text[: match.start()] if (match := _FIRST.search(text)) else text
    families = groupby(RULES.values(), key=lambda rule: rule.family)
    return head + "\n\n".join("\n".join(_family(*each)) for each in families) + "\n"


def readme(text: str) -> str:
    """``text`` of README.md with the number of rules that leave no trace in a log."""
    shown = [rule.shown.values() for rule in RULES.values() if rule.shown]
    silent = sum("logged" not in marks for marks in shown)
    return _SILENT.sub(f"{silent} of {len(shown)}", text)


def _family(family: str, rules: Iterator[Rule]) -> Iterator[str]:
    yield from (f"## {family}xx {FAMILIES[family]}", "")
    yield "| code | name | it happened when | severity | examples |"
    yield "|---|---|---|---|---|"
    for rule in rules:
        examples = " · ".join(
            f"[{which}]({EXAMPLES}/{rule.code.lower()}_{which}.py)" for which in ("bad", "fixed")
        )
        if not rule.bad:
            examples = "none: no application brings it about"
        yield f"| {rule.code} | `{rule.name}` | {rule.summary} | {rule.severity} | {examples} |"


def main() -> None:
    for path, written in ((PAGE, page), (README, readme)):
        path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
