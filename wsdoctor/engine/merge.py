"""Put the reports of shards together: the union says what one run would have said."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from wsdoctor.engine.build_report import build_report
from wsdoctor.engine.results import Results
from wsdoctor.options.check import Options
from wsdoctor.report.model import Report
from wsdoctor.report.shard import Shard


class MergeError(ValueError):
    """The reports cannot be put together: one sentence with the file and the reason."""


def read_shard(data: bytes, name: str) -> Report:
    """The Report of a shard from its JSON. Raises MergeError if it is none; ``name``: of the file."""
    try:
        report = msgspec.json.decode(data, type=Report)
    except msgspec.DecodeError as error:
        raise MergeError(f"{name} is no JSON report of this version of wsdoctor: {error}") from None
    if report.shard is None:
        raise MergeError(
            f"{name} is the report of a whole run: only those of --shard can be merged"
        )
    return report


def merge(reports: Sequence[Report], *, command: str = "") -> Report:
    """The Report on all that ``reports`` of shards found; one that is missing is said, and no pass.

    Raises MergeError if they are not shards of one run.
    """
    began = time.monotonic()
    shards = _shards(reports)
    first = reports[0]
    found = Results(notes=list(dict.fromkeys(n for report in reports for n in report.notes)))
    for shard in shards:
        found.parts |= {part.id: part for part in shard.parts}
        found.again |= shard.again
        found.witnessed |= shard.witnessed
        found.conversations |= shard.conversations
    missing = sorted({*range(1, shards[0].of + 1)} - {shard.number for shard in shards})
    found.notes += [f"shard {number}/{shards[0].of} is missing" for number in missing]
    if any(report.environment != first.environment for report in reports):
        found.notes.append("the shards ran in different environments; that of the first is shown")
    report = build_report(
        found,
        target=first.target,
        command=command,
        began=began,
        interrupted=any(report.interrupted for report in reports),
        options=Options(clock=first.clock, grace=first.grace),
        incomplete=bool(missing),
    )
    return replace(
        report,
        environment=first.environment,
        duration_seconds=round(sum(report.duration_seconds for report in reports), 3),
    )


def together_whole(reports: Sequence[Report]) -> bool:
    """Whether the ``reports`` of shards are everything: what did not come up is not there any more."""
    shards = [report.shard for report in reports if report.shard is not None]
    return len(shards) == shards[0].of and not any(shard.narrowed for shard in shards)


def _shards(reports: Sequence[Report]) -> list[Shard]:
    shards = [report.shard for report in reports if report.shard is not None]
    first = reports[0]
    for report, shard in zip(reports, shards, strict=True):
        for what, one, other in (
            ("target", first.target.spec, report.target.spec),
            ("version of wsdoctor", first.tool.version, report.tool.version),
            ("number of shards", shards[0].of, shard.of),
            ("clock", first.clock, report.clock),
            ("grace time", first.grace, report.grace),
        ):
            if one != other:
                raise MergeError(
                    f"shards {shards[0].number} and {shard.number} are not of one run: "
                    f"the {what} is {one} in one and {other} in the other"
                )
    numbers = [shard.number for shard in shards]
    twice = next((number for number in numbers if numbers.count(number) > 1), None)
    if twice is not None:
        raise MergeError(f"shard {twice}/{shards[0].of} was given twice")
    return shards
