"""Confirm findings: run the case that shows each best again, in the same way and on real sockets."""

from __future__ import annotations

from dataclasses import replace as with_fields

from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.divergence import divergences
from wsdoctor.diagnosis.finding import Confirmed
from wsdoctor.diagnosis.findings import Exhibit, diverging, findings, in_order
from wsdoctor.diagnosis.grouping import Name
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import Runner
from wsdoctor.recording.events import WorkerLost
from wsdoctor.recording.sequence import difference
from wsdoctor.report.shard import Confirmation


def confirm(found: Results, runner: Runner) -> None:
    """Run the cases that may show a finding best twice more, and note what came up.

    Not only those of the findings so far: another shard may make another case the best of its kind,
    or another code the name of a cause.
    """
    for diagnosed in found.diagnosed:
        shown = diagnosed.recording
        lost = any(isinstance(event, WorkerLost) for event in shown.events)
        told = all(cause.occurrence.severity == "info" for cause in diagnosed.causes)
        if lost or told or not shown.events:
            continue
        same = runner.run(shown.case, fresh=True)
        real = runner.run(shown.case, fresh=True, network="loopback")
        first, second, third = _codes(diagnosed), _codes(same), _codes(real)
        found.again[diagnosed.result.id] = Confirmation(
            same_way=second,
            real_sockets=third,
            difference=difference(shown, same.recording),
            other=real if first - third else same if first - second else None,
        )


def _codes(diagnosed: Diagnosed) -> frozenset[str]:
    return frozenset(
        item.code for cause in diagnosed.causes for item in (cause.occurrence, *cause.symptoms)
    )


def exhibits(found: Results) -> tuple[Exhibit, ...]:
    """The findings so far, each with the answer of its other runs if it had any.

    One that did not come up again on real sockets, or in its emitted test, is called by something else
    that was seen at its lines. If there is no such thing, it is nothing to fail a build on: it becomes a
    remark that says so.
    """
    refuted: frozenset[Name] = frozenset()
    while True:
        called = findings(found.diagnosed, found.rows, refuted)
        doubted = {exhibit.name for exhibit in called if _is_refuted(exhibit, found)}
        new = frozenset(name for name in doubted if name is not None) - refuted
        if not new:
            break
        refuted |= new
    shown = tuple(_answered(exhibit, found) for exhibit in called)
    known = [exhibit.finding for exhibit in shown]
    apart = [diverging(divergence, found.rows) for divergence in divergences(found.endings, known)]
    return in_order((*shown, *apart))


def _is_refuted(exhibit: Exhibit, found: Results) -> bool:
    """Whether the same case, or its test, was run without wsdoctor's network or clock and shows nothing of the kind."""
    finding = exhibit.finding
    again = found.again.get(exhibit.recording.case.id)
    heard = found.witnessed.get(finding.fingerprint)
    return (again is not None and finding.code not in again.real_sockets) or (
        heard is not None and heard.answer == "passed"
    )


def _answered(exhibit: Exhibit, found: Results) -> Exhibit:
    finding = exhibit.finding
    doubts = []
    if (again := found.again.get(exhibit.recording.case.id)) is not None:
        same, real = finding.code in again.same_way, finding.code in again.real_sockets
        confirmed = Confirmed(reproduced=int(same) + int(real), of=2, on_real_sockets=real)
        finding = replace(finding, confirmed=confirmed)
        if not real:
            finding = replace(finding, severity="info")
            doubts.append("on real sockets it did not come up again: inconclusive")
        if not same:
            doubts.append("it did not come up when the case was run again in the same way")
        if again.difference:
            doubts.append(f"two runs of the case were not the same: {again.difference}")
    if (heard := found.witnessed.get(finding.fingerprint)) is not None:
        confirmed = replace(finding.confirmed, test=heard.answer, note=heard.note)
        finding = replace(finding, confirmed=confirmed)
        if heard.answer == "passed":
            finding = replace(finding, severity="info")
            doubts.append(f"{heard.note}: inconclusive")
    if doubts:
        finding = replace(finding, evidence=(*finding.evidence, *doubts))
    return with_fields(exhibit, finding=finding)
