"""docs/mutation.md: what a campaign showed, for people, and for the test that holds it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.mutation.campaign import Verdict
from tests.mutation.operators import OPERATORS
from tests.mutation.reasons import NO_DEFECT_AT_THE_END, reason
from tests.mutation.rewrites import REWRITES

PAGE = Path(__file__).parents[2] / "docs" / "mutation.md"

LIMIT = 0.95
"""The share of the mutants that behave otherwise of which something has to be found."""

_CHANGED = ("found", "told", "survived")
_COUNTED = (*_CHANGED, "allowed", "equivalent")

_INTRODUCTION = """\
# Mutation

How much of what can go wrong does wsdoctor find? Each correct handler of the tests (the twins of
`tests/zoo`, the corrected examples of the rules, the correct scenarios) is made worse mechanically, one
change at a time, and each of these mutants is checked.

This page is written by `python -m tests.mutation --write`; `pytest tests/mutation` runs a sample of it,
and fails if something survives that is not listed here.

## How a mutant is judged

First at the named moments of five kinds of disconnect on one server; if nothing is found, at every moment
of every kind on that server and at the named moments on the two others. It is

- **found** if there is a finding above `info`, confirmed as users get it;
- a **remark** if there is one of `info` that the correct handler does not have: a task that outlives its
  connection and ends by itself, or an exception that the framework wraps by itself;
- **equivalent** if its sessions show the same set of behaviours as those of the correct handler, for every
  server and kind, over all moments. A behaviour is the ASGI messages from the disconnect on, the exception
  that left the handler, whether it ended in time, the tasks and generators that it left, what the event
  loop and the log complain of, what the client and the server saw, and by how much the containers that the
  module holds have grown. What wsdoctor says of a mutant plays no part in it;
- **allowed** if what it does otherwise is left open by the contract (it lets the `OSError` of a refused send
  pass, has not read all there was, leaves a generator that has nothing to tidy up), or if each of its behaviours
  is one that the correct handler shows at another moment;
- a **survivor** if it does what the correct handler never does, and nothing is said of it.

Equivalent and allowed ones are no defects, and do not count.
"""

_OTHER_DIRECTION = (
    "The same in other words must stay clean: each rewrite was checked at the named moments of every kind, and "
    "a finding above `info` would be a false alarm."
)


def page(verdicts: Sequence[Verdict], rewritten: Sequence[Verdict], lots: int = 100) -> str:
    """The whole page, on ``lots`` in a hundred of all mutants."""
    survivors = [item for item in verdicts if item.outcome == "survived"]
    told = [item for item in verdicts if item.outcome == "told"]
    elsewhere = [item for item in survivors if item.mutant.id in NO_DEFECT_AT_THE_END]
    counts = Counter(item.outcome for item in verdicts)
    changed = sum(counts[outcome] for outcome in _CHANGED)
    drawn = "" if lots == 100 else f" ({lots} in a hundred of all, drawn by their names)"
    said = (
        f"{len(verdicts)} mutants{drawn}: {counts['equivalent']} are equivalent and {counts['allowed']} allowed. "
        f"wsdoctor finds {counts['found']} of the {changed} others ({share(verdicts)}), {counts['told']} are remarks, "
        f"and {len(survivors)} survive. Without the remarks: "
        f"{_percent(counts['found'], changed - len(told))} are found; and without the {len(elsewhere)} that only do "
        "something wrong to a client that is still there: "
        f"{_percent(counts['found'], changed - len(told) - len(elsewhere))}."
    )
    lines = [
        _INTRODUCTION,
        "## Results",
        "",
        said,
        "",
        *_counted("the mutant has", verdicts, lambda item: item.mutant.operator.name, OPERATORS),
        "",
        *_counted("framework", verdicts, lambda item: item.mutant.twin.framework, ()),
        "",
        "## Survivors",
        "",
        *_listed(survivors),
        "",
        "## Remarks",
        "",
        *_listed(told),
        "",
        "## The other direction",
        "",
        _OTHER_DIRECTION,
        "",
        "| the handler has | rewritten | false alarms |",
        "|---|--:|--:|",
    ]
    for operator in REWRITES:
        own = [item for item in rewritten if item.mutant.operator.name == operator.name]
        alarms = sum(item.outcome == "found" for item in own)
        lines.append(f"| {operator.does} | {len(own)} | {alarms} |")
    return "\n".join((*lines, ""))


def _counted(
    title: str,
    verdicts: Sequence[Verdict],
    key: Callable[[Verdict], str],
    operators: Iterable[object],
) -> list[str]:
    lines = [
        f"| {title} | mutants | equivalent | allowed | found | remarks | survived | found of those that count |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    names = {operator.name: operator.does for operator in OPERATORS} if operators else {}
    for name in names or sorted({key(item) for item in verdicts}):
        own = [item for item in verdicts if key(item) == name]
        counts = Counter(item.outcome for item in own)
        cells = (
            names.get(name, name),
            *(
                str(count)
                for count in (
                    len(own),
                    counts["equivalent"],
                    counts["allowed"],
                    counts["found"],
                    counts["told"],
                    counts["survived"],
                )
            ),
            share(own),
        )
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def share(verdicts: Sequence[Verdict]) -> str:
    """How many of those that behave otherwise were found."""
    found = sum(item.outcome == "found" for item in verdicts)
    return _percent(found, sum(item.outcome in _CHANGED for item in verdicts))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %" if whole else "-"


def _listed(verdicts: Sequence[Verdict]) -> list[str]:
    """By reason, then the mutants: ``- `id` ``."""
    groups: dict[str, list[Verdict]] = {}
    for item in verdicts:
        groups.setdefault(reason(item), []).append(item)
    lines: list[str] = []
    for text, members in sorted(groups.items(), key=lambda group: -len(group[1])):
        lines += [f"{text} ({len(members)})", ""]
        lines += [f"- `{item.mutant.id}`" for item in members]
        lines.append("")
    return lines[:-1] or ["None."]


def found_of_what_can_be() -> float:
    """What the page says of that, as a fraction: the last number of its sentence."""
    found = re.search(r"still there: (\d+) %", PAGE.read_text(encoding="utf-8").replace("\n", " "))
    assert found is not None
    return int(found[1]) / 100


def known() -> frozenset[str]:
    """The ids of the mutants that the page lists: survivors and remarks."""
    text = PAGE.read_text(encoding="utf-8")
    return frozenset(re.findall(r"^- `(.+)`$", text, re.MULTILINE))
