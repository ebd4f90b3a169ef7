"""The case of a finding once more where it goes well, to be looked at beside it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.engine.confirm import exhibits
from wsdoctor.engine.results import Counterpart, Results
from wsdoctor.engine.runner import Runner
from wsdoctor.plan.servers import short_name
from wsdoctor.recording.case import Case


def on_another_server(found: Results, runner: Runner) -> None:
    """Where the servers diverge, run the case of a finding on one that does not show it."""
    for case, servers in _cases(found):
        for server in servers:
            diagnosed = runner.run(replace(case, server=server), fresh=True)
            if _goes_well(diagnosed):
                what = f"on {short_name(server)}, where it does not happen"
                found.beside[case.id] = Counterpart(what, diagnosed.recording)
                break


def on_the_twin(found: Results, name: str, runner: Runner, routes: Sequence[str]) -> None:
    """Run the cases of the findings on the fixed twin, called ``name``, which has ``routes``."""
    for case, _ in _cases(found):
        if case.route in routes:
            diagnosed = runner.run(case, fresh=True)
            if _goes_well(diagnosed):
                found.beside[case.id] = Counterpart(
                    f"with the fixed twin, {name}", diagnosed.recording
                )


def _cases(found: Results) -> list[tuple[Case, list[str]]]:
    """The cases that show the findings best, and the servers that do not show those."""
    return [
        (
            exhibit.recording.case,
            [server for server, mark in exhibit.finding.servers.items() if mark == "no"],
        )
        for exhibit in exhibits(found)
        if exhibit.finding.severity != "info" and exhibit.recording.events
    ]


def _goes_well(diagnosed: Diagnosed) -> bool:
    return diagnosed.result.verdict == "healthy" and bool(diagnosed.recording.events)
