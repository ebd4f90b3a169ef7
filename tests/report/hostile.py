"""A report in which the application under test does its worst."""

from __future__ import annotations

from msgspec.structs import replace

from tests.report.samples import FINDING, FINGERPRINT, FULL, TIMELINE
from wsdoctor.diagnosis.finding import Location
from wsdoctor.report.model import AwaitPoint, Beside, Excerpt, Lifeline, Moment

MARKUP = "<script>alert(1)</script>"

_BAD = f"{MARKUP}</style></script>]]>\x1b[31m\x00\ufffe\" onload='x' `| *_[a](javascript:b)\n::error::x"

_STORY = replace(
    TIMELINE,
    case=_BAD,
    rows=((0.0, "log", _BAD, True),),
    moments=(Moment(0.0, "log", _BAD, faulty=True),),
    lives=(Lifeline(_BAD, "task", 0.0, None, 0, None, _BAD, _BAD),),
)

HOSTILE = replace(
    FULL,
    command=_BAD,
    target=replace(FULL.target, spec=f"{MARKUP}.py:app"),
    findings=(
        replace(
            FINDING,
            route=_BAD,
            message=_BAD,
            location=Location(f"{MARKUP}.py", 1, _BAD, _BAD),
            evidence=(_BAD,),
            remedy=f"{_BAD}\n\n    {_BAD}\n",
            replay=_BAD,
            package=_BAD,
        ),
    ),
    cases=tuple(replace(case, route=_BAD, note=_BAD) for case in FULL.cases),
    notes=(_BAD,),
    timelines={FINGERPRINT: _STORY},
    beside={FINGERPRINT: Beside(_BAD, _STORY)},
    sources=(Excerpt(f"{MARKUP}.py", 1, (_BAD, _BAD)),),
    coverage=replace(FULL.coverage, awaits=(AwaitPoint(f"{MARKUP}.py", 1, _BAD, True),)),
)
