"""Decide whether the user's code or the framework caused a finding, by comparison with a reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from wsdoctor.diagnosis.comparable import Seen, comparable, settled
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.finding import CaseResult, Fault, Verdict
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import Runner
from wsdoctor.plan.moments import EVERY
from wsdoctor.plan.servers import short_name
from wsdoctor.reference_apps.forms import FORMS
from wsdoctor.report.shard import CellResult


def settle(found: Results, runner: Runner, forms: Mapping[str, str]) -> None:
    """Compare what was found with the smallest correct applications, and correct the faults.

    ``forms`` are those of the routes' handlers, by path. Nothing is run for what only the user's own
    code can have brought about.
    """
    by_form: dict[str, list[CellResult]] = {}
    for part in found:
        if form := forms.get(part.route, ""):
            by_form.setdefault(form, []).append(part)
    for form, parts in by_form.items():
        decided = _decided(form, [case for part in parts for case in part.diagnosed], runner)
        for part in parts if decided else ():
            _settle(part, decided)


def _decided(form: str, cases: list[Diagnosed], runner: Runner) -> dict[Seen, tuple[Fault, str]]:
    decided: dict[Seen, tuple[Fault, str]] = {}
    for seen, kind in comparable(cases).items():
        for shown in runner.compare(form, seen.server, kind):
            if shown.what == seen.what:
                at = f"{kind} on {short_name(seen.server)}"
                said = f"the smallest correct {FORMS[form]} shows the same ({at})"
                decided[seen] = (shown.fault, said)
    return decided


def _settle(part: CellResult, decided: Mapping[Seen, tuple[Fault, str]]) -> None:
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
            _recounted(row, list(changed.values()), part)
            if row.moment == EVERY
            else changed.get(row.id, row)
            for row in part.rows
        ]


def _recounted(row: CaseResult, no_longer: Sequence[CaseResult], part: CellResult) -> CaseResult:
    """The row of a sweep some of whose schedules are ``no_longer`` defective, but that."""
    assert row.moments is not None
    healthy = sum(result.verdict == "healthy" for result in no_longer)
    not_judged = sum(result.not_judged for result in no_longer)
    counts = replace(
        row.moments,
        healthy=row.moments.healthy + healthy,
        defective=row.moments.defective - len(no_longer),
        inconclusive=row.moments.inconclusive + len(no_longer) - healthy - not_judged,
        not_judged=row.moments.not_judged + not_judged,
    )
    refused = sum(result.verdict == "nothing-checked" for result in no_longer) - not_judged
    verdict: Verdict = "healthy"
    if counts.defective:
        verdict = "defective"
    elif refused and refused == counts.total and not part.unfinished:
        verdict = "nothing-checked"  # every handshake was refused
    elif counts.inconclusive or part.unfinished:
        verdict = "inconclusive"
    elif not counts.healthy:
        verdict = "nothing-checked"
    reasons = (row.not_understood, *(result.not_understood for result in no_longer))
    return replace(
        row,
        verdict=verdict,
        moments=counts,
        not_understood=next(filter(None, reasons), ""),
    )
