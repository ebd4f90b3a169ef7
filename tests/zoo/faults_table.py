"""The table of docs/faults.md: what the smallest correct applications show, at every moment.

``python -m tests.zoo.faults_table`` writes it anew, with the versions that are installed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path

from wsdoctor.diagnosis.comparable import shows
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import Mark
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.plan.kinds import DEFAULT_KINDS
from wsdoctor.plan.servers import SERVERS
from wsdoctor.reference_apps.forms import FORMS
from wsdoctor.reference_apps.run import swept

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"

BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->\n"

_MEASURED = ("litestar", "starlette", "fastapi", "uvicorn", "websockets", "wsproto", "anyio")

_STRENGTH: dict[Mark, int] = {"no": 0, "masked": 1, "logged": 2}


Ran = tuple[str, str, str, list[Diagnosed]]
"""A form, a server, a kind of disconnect, and the cases."""


def runs(forms: Iterable[str]) -> Iterator[Ran]:
    """The cases of each form, server and kind of disconnect."""
    for form in forms:
        for server in SERVERS:
            for kind in DEFAULT_KINDS:
                yield form, server, kind, list(swept(form, server, kind))


def measured_with() -> str:
    """The versions, in a sentence."""
    return "Measured with " + ", ".join(f"{name} {version(name)}" for name in _MEASURED) + ".\n"


def table() -> str:
    """The rows: form, finding and fault, with the servers and kinds that show it."""
    head = "| the smallest correct … | cases | shows | fault | sansio, websockets, wsproto | at |"
    return "\n".join([head, "|---|---|---|---|---|---|", *lines_of(runs(FORMS))]) + "\n"


def lines_of(ran: Iterable[Ran]) -> list[str]:
    """The lines of the table for what was run."""
    marks: dict[tuple[str, ...], dict[str, Mark]] = {}
    kinds: dict[tuple[str, ...], dict[str, None]] = {}
    counts: Counter[str] = Counter()
    for form, server, kind, cases in ran:
        counts[form] += len(cases)
        for case in cases:
            fault_of = {shown.what: shown.fault for shown in shows([case])}
            for cause in case.causes:
                item = cause.occurrence
                fault = next(
                    (fault for what, fault in fault_of.items() if what.code == item.code),
                    item.fault,
                )
                row = (form, item.code, item.way.rpartition(" < ")[2].rstrip("]"), fault)
                seen = marks.setdefault(row, dict.fromkeys(SERVERS, "no"))
                seen[server] = max(seen[server], item.mark, key=_STRENGTH.__getitem__)
                kinds.setdefault(row, {})[kind] = None
    lines: list[str] = []
    for form, count in counts.items():
        words = FORMS[form]
        rows = sorted(row for row in marks if row[0] == form)
        if not rows:
            lines.append(f"| {words} | {count} | nothing | | | |")
        for found in rows:
            _, code, what, whose = found
            lines.append(
                f"| {words} | {count} | {code} `{RULES[code].name}`: {what.rpartition('.')[2]} | {whose} | "
                f"{', '.join(marks[found].values())} | {', '.join(kinds[found])} |"
            )
    return lines


def written() -> tuple[str, str]:
    """What the page says now: the versions, and the table."""
    text = PAGE.read_text(encoding="utf-8")
    inside = text.partition(BEGIN)[2].partition(END)[0]
    versions, _, rows = inside.partition("\n\n")
    return f"{versions}\n", rows


def main() -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}{measured_with()}\n{table()}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
