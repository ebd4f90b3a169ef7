"""Which check an emitted test makes. Rules have their checks by themselves (``Rule.checks``)."""

from __future__ import annotations

from wsdoctor.diagnosis.emitted import (
    HANG,
    LEFT,
    NOTHING_FORBIDDEN,
    NOTHING_LEFT,
    NOTHING_LOGGED,
    NOTICE,
    RACES,
    Check,
    Evidence,
    check,
)
from wsdoctor.diagnosis.rule import Rule

NOTHING_BAD = check(
    "contract forbidden escapes parts race late logs",
    f"if await within({NOTICE}, tap.ended):",
    f"    in_time = await within({HANG}, tap.returned)",
    '    assert in_time, "the handler has not returned"',
    NOTHING_FORBIDDEN,
    LEFT,
    NOTHING_LEFT,
    NOTHING_LOGGED,
    forbidden=(f"({RACES})",),
)
"""For the rules that have no check of their own."""


def check_of(
    rule: Rule,
    *,
    grows: bool = False,
    counts: bool = False,
    complains: bool = False,
    undone: bool = False,
    refused: bool = False,
    lent: bool = False,
    ticks: bool = False,
) -> Check:
    """The check that shows the bug of ``rule``.

    ``grows``: a container shows it, or a number, if it ``counts``. ``complains``: what the framework
    sends or logs shows it. ``undone``: lines that never run show it. ``refused``: it is about a client
    that was refused. ``lent``: it is about what is taken from a pool. ``ticks``: it is about a timer.
    """
    about: dict[Evidence, bool] = {
        "lent": lent,
        "timer": ticks,
        "refused client": refused,
        "emptied container": grows,
        "number": counts,
        "container": grows,
        "interrupted clean-up": undone,
        "skipped clean-up": undone,
        "complaint": complains,
        "": True,
    }
    known = (
        rule.checks[evidence] for evidence in about if about[evidence] and evidence in rule.checks
    )
    return next(known, NOTHING_BAD)
