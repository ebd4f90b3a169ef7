"""Decide whose fault it is what was found, where the user's code may have had no part in it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.fault import Way, comparable, settled
from wsdoctor.diagnosis.finding import CaseResult, Fault, Verdict
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.options import Runner
from wsdoctor.plan.moments import EVERY
from wsdoctor.report.shard import Part
from wsdoctor.report.summary import short
from wsdoctor.smallest.forms import FORMS


def settle(found: Examination, runner: Runner, forms: Mapping[str, str]) -> None:
    """Compare what was found with the smallest correct applications, and correct the faults.

    ``forms`` are those of the routes' handlers, by path. Nothing is run for what only the user's own
    code can have brought about.
    """
    by_form: dict[str, list[Part]] = {}
    for part in found:
        if form := forms.get(part.route, ""):
            by_form.setdefault(form, []).append(part)
    for form, parts in by_form.items():
        decided = _decided(form, [case for part in parts for case in part.diagnosed], runner)
        for part in parts if decided else ():
            _settle(part, decided)


def _decided(form: str, cases: list[Diagnosed], runner: Runner) -> dict[Way, tuple[Fault, str]]:
    decided: dict[Way, tuple[Fault, str]] = {}
    for what, case in comparable(cases).items():
        server, kind = case.result.server, case.result.kind
        for shown in runner.compare(form, server, kind):
            if shown.what == what:
                decided[what] = (
                    shown.fault,
                    f"the smallest correct {FORMS[form]} shows the same ({kind} on {short(server)})",
                )
    return decided


def _settle(part: Part, decided: Mapping[Way, tuple[Fault, str]]) -> None:
    """Correct the cases of ``part``, and its rows."""
    corrected = [settled(case, decided) for case in part.diagnosed]
    changed = {
        new.result.id: new.result
        for old, new in zip(part.diagnosed, corrected, strict=True)
        if old.result.verdict != new.result.verdict
    }
    part.diagnosed = corrected
    if changed:
        part.rows = [
            _recounted(row, Counter(result.verdict for result in changed.values()), part)
            if row.moment == EVERY
            else changed.get(row.id, row)
            for row in part.rows
        ]


def _recounted(row: CaseResult, no_longer: Counter[Verdict], part: Part) -> CaseResult:
    """The row of a sweep some of whose schedules are ``no_longer`` defective, but that."""
    assert row.moments is not None
    counts = replace(
        row.moments,
        healthy=row.moments.healthy + no_longer["healthy"],
        defective=row.moments.defective - no_longer.total(),
        inconclusive=row.moments.inconclusive + no_longer.total() - no_longer["healthy"],
    )
    verdict: Verdict = "healthy"
    if counts.defective:
        verdict = "defective"
    elif counts.inconclusive or part.unfinished:
        verdict = "inconclusive"
    return replace(row, verdict=verdict, moments=counts)
