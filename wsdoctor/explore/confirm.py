"""Confirm findings: run the case that shows each best again, on real loopback sockets."""

from __future__ import annotations

from dataclasses import replace as with_fields

from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import Exhibit, diagnose, findings
from wsdoctor.diagnosis.finding import Confirmed
from wsdoctor.explore.examination import Examination
from wsdoctor.explore.options import Runner
from wsdoctor.recording.events import WorkerLost


def confirm(route: str, found: Examination, runner: Runner) -> None:
    """Run the best case of each finding of ``route`` once more, and note whether it came up."""
    diagnosed = [case for case in found.diagnosed if case.result.route == route]
    rows = [row for row in found.rows if row.route == route]
    for exhibit in findings(diagnosed, rows):
        finding, recording = exhibit.finding, exhibit.recording
        ended = any(isinstance(event, WorkerLost) for event in recording.events)
        if finding.severity == "info" or ended:
            continue
        again = diagnose(runner.run(recording.case, fresh=True, network="loopback"))
        codes = {
            item.code for cause in again.causes for item in (cause.occurrence, *cause.symptoms)
        }
        found.confirmed[finding.fingerprint] = finding.code in codes


def exhibits(found: Examination) -> tuple[Exhibit, ...]:
    """The findings so far, each with the answer of its second run if it had one.

    One that did not come up again is nothing to fail a build on: it becomes a remark that says so.
    """
    return tuple(_answered(exhibit, found) for exhibit in findings(found.diagnosed, found.rows))


def _answered(exhibit: Exhibit, found: Examination) -> Exhibit:
    finding = exhibit.finding
    came_up = found.confirmed.get(finding.fingerprint)
    if came_up is None:
        return exhibit
    finding = replace(finding, confirmed=Confirmed(reproduced=int(came_up), of=1))
    if not came_up:
        finding = replace(
            finding,
            severity="info",
            evidence=(*finding.evidence, "a second run, on real sockets, did not show it"),
        )
    return with_fields(exhibit, finding=finding)
