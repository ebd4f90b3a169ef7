"""The time of a run is over in the middle of anything: what is known is reported, and is no pass."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.engine.build_report import build_report
from wsdoctor.engine.limits import Limits
from wsdoctor.engine.planning import RouteTarget
from wsdoctor.engine.results import Results
from wsdoctor.engine.runner import NoProgress, Runner
from wsdoctor.engine.runners import LocalRunner, handshake, installed_servers
from wsdoctor.engine.selection import choose
from wsdoctor.engine.steps import examine
from wsdoctor.options.check import Options
from wsdoctor.recording.case import Case
from wsdoctor.report.model import TargetInfo
from wsdoctor.target import adopt
from wsdoctor.workers.supervisor import OutOfTimeError


async def echo(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        raise NotImplementedError
    await receive()
    await send({"type": "websocket.accept"})
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def leaves_late(scope: Any, receive: Any, send: Any) -> None:
    """It closes what is closed already."""
    await echo(scope, receive, send)
    await send({"type": "websocket.close"})


class Expiring(LocalRunner):
    """It has the time for some cases."""

    left = 0

    def runners(self, count: int) -> Sequence[Runner]:
        return (self,)

    def run(self, case: Case, **how: Any) -> Diagnosed:
        if not self.left:
            raise OutOfTimeError
        self.left -= 1
        return super().run(case, **how)


OPTIONS = Options(
    servers=("uvicorn:wsproto",), kinds=("close",), depth="full", clock="virtual", max_time=3600
)


def report(app: Any, cases: int) -> Any:
    target = adopt(app, __file__)
    pool = Expiring(target, target.routes, OPTIONS)
    pool.left = cases
    found = Results()
    examine(
        [RouteTarget(route.path, handshake("/", "", OPTIONS)) for route in target.routes],
        choose(OPTIONS, installed_servers()),
        OPTIONS,
        pool=pool,
        found=found,
        limits=Limits(OPTIONS.max_time),
        progress=NoProgress(),
    )
    info = TargetInfo(spec=target.spec, kind=target.kind, framework=target.framework)
    whole = build_report(found, target=info, command="", began=time.monotonic(), options=OPTIONS)
    return whole, pool.left


@pytest.mark.parametrize("cases", [0, 1, 3, 6])
def test_what_is_not_done_is_no_pass(cases):
    known, _ = report(echo, cases)
    assert known.verdict == "inconclusive"
    assert any("--max-time" in note for note in known.notes)


def test_what_is_known_is_reported_and_that_it_was_not_confirmed():
    whole, left = report(leaves_late, 1000)
    assert [finding.code for finding in whole.findings] == ["WSD101"]
    assert whole.findings[0].confirmed.of == 2
    needed = 1000 - left
    known, _ = report(leaves_late, needed - 3)
    assert [finding.code for finding in known.findings] == ["WSD101"]
    assert known.verdict == "defective"
    assert any("not confirmed" in note and "--max-time" in note for note in known.notes)
