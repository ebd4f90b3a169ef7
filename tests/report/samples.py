"""Reports made by hand: what a run of ``naive``, of ``fixed`` and of a user's app look like."""

from __future__ import annotations

from itertools import product
from typing import Any

from msgspec.structs import replace

from wsdoctor.diagnosis.finding import (
    CaseResult,
    Confirmed,
    Finding,
    Location,
    Mark,
    Markers,
    Moments,
    Verdict,
)
from wsdoctor.report.model import (
    AwaitPoint,
    Beside,
    Coverage,
    Declared,
    Excerpt,
    Lifeline,
    Moment,
    MomentCoverage,
    Report,
    Suppressed,
    TargetInfo,
    Timeline,
    Tool,
)

SERVERS = ("uvicorn:websockets-sansio", "uvicorn:websockets", "uvicorn:wsproto")
KINDS = ("close", "abort", "shutdown-timeout")
MOMENTS = ("after-accept", "after:2")

FINGERPRINT = "c0ffee01"


def case(
    server: str = SERVERS[0], kind: str = "close", moment: str = "after:2", **changes: Any
) -> CaseResult:
    values: dict[str, Any] = {
        "id": f"/ws {kind}@{moment} {server}",
        "route": "/ws",
        "server": server,
        "kind": kind,
        "moment": moment,
        "verdict": "healthy",
        "codes": (),
        "markers": Markers(),
        "close_code": 1000,
        "teardown_seconds": 0.001,
        "events": 42,
    }
    return CaseResult(**(values | changes))


def defective(server: str, kind: str, moment: str) -> CaseResult:
    mark: Mark = "logged" if server == "uvicorn:websockets" else "masked"
    if (kind, moment) == ("shutdown-timeout", "after-accept"):
        return case(
            server, kind, moment, verdict="inconclusive", note="the server did not stop in 30 s"
        )
    return case(
        server,
        kind,
        moment,
        verdict="defective",
        codes=("WSD201", "WSD101"),
        markers=Markers(mark, mark),
        teardown_seconds=1.8,
    )


FINDING = Finding(
    code="WSD201",
    name="unhandled-disconnect",
    severity="error",
    fault="app",
    route="/ws",
    message=(
        "WebSocketDisconnect left the connection_lifespan: it awaits `task`, which failed with it, "
        "and nothing there handles it."
    ),
    location=Location(
        file="a/rather/long/path/to/the/application/package/with/modules/naive.py",
        line=41,
        function="lifespan",
        snippet="            await task",
    ),
    servers={SERVERS[0]: "masked", SERVERS[1]: "logged", SERVERS[2]: "masked"},
    disconnects=KINDS,
    moments=Moments(failing=15, checked=18, earliest="after-accept"),
    evidence=(
        (
            "the log of uvicorn.error: Exception in ASGI application … RuntimeError: Unexpected ASGI "
            "message 'websocket.close', after sending 'websocket.close' or response already completed."
        ),
        "websocket.close was sent after websocket.disconnect had been received",
    ),
    symptoms=("WSD101",),
    remedy=(
        "Cancel the task before you await it, and expect the disconnect:\n"
        "\n"
        "    finally:\n"
        "        task.cancel()\n"
        "        with suppress(asyncio.CancelledError, WebSocketDisconnect):\n"
        "            await task\n"
    ),
    fingerprint=FINGERPRINT,
    replay="/ws close@after:2 uvicorn:websockets",
    confirmed=Confirmed(3, 3, on_real_sockets=True),
)

TIMELINE = Timeline(
    case="/ws close@after:2 uvicorn:websockets",
    rows=(
        (0.0, "client", "connects to /ws", False),
        (0.002, "app", "> websocket.accept", False),
        (0.2, "app", "> websocket.send (12 bytes)", False),
        (0.2, "client", "receives text (12 bytes)", False),
        (0.4, "app", "> websocket.send (12 bytes)", False),
        (0.4, "client", "receives text (12 bytes)", False),
        (0.401, "client", "sends close 1000", False),
        (0.402, "app", "< websocket.disconnect 1000", False),
        (0.402, "app", "WebSocketDisconnect leaves lifespan, naive.py:41", True),
        (0.403, "app", "> websocket.close 1011, which raises RuntimeError", False),
        (
            0.403,
            "log",
            (
                "uvicorn.error ERROR: Exception in ASGI application … RuntimeError: Unexpected ASGI "
                "message 'websocket.close'"
            ),
            False,
        ),
    ),
)

DEFECTIVE = Report(
    tool=Tool("wsdoctor", "0.1.0"),
    environment={
        "python": "3.11.7",
        "platform": "Linux-6.1-x86_64",
        "litestar": "2.25.0",
        "uvicorn": "0.54.0",
        "websockets": "17.4",
        "wsproto": "1.3.2",
    },
    command="wsdoctor check naive.py:app -H 'Authorization: ***'",
    target=TargetInfo("naive.py:app", "app", "litestar"),
    verdict="defective",
    markers=Markers("logged", "logged"),
    findings=(FINDING,),
    cases=tuple(defective(*which) for which in product(SERVERS, KINDS, MOMENTS)),
    coverage=Coverage(MomentCoverage(6, 6)),
    duration_seconds=1.25,
    notes=("mid-send was not reached on uvicorn:wsproto: the handler sends nothing by itself",),
    timelines={FINGERPRINT: TIMELINE},
)

_STORY = (
    Moment(0.0, "client", "opens the connection"),
    Moment(0.0, "app", "called for /ws"),
    Moment(0.0, "app", "starts task stream (naive.py:37)"),
    Moment(0.4, "wire", "sends close 1000"),
    Moment(0.4, "server", "the server's transport is gone"),
    Moment(0.402, "app", "raised WebSocketDisconnect", faulty=True),
    Moment(0.402, "log", "ERROR uvicorn.error: Exception in ASGI application"),
)
_LIVES = (
    Lifeline("handler of /ws", "handler", 0.0, 0.402, 1, 5, "raised WebSocketDisconnect"),
    Lifeline("stream", "task", 0.0, None, 2, None, "", "naive.py:37"),
)

_WHERE = FINDING.location
assert _WHERE is not None

FULL = replace(
    DEFECTIVE,
    coverage=Coverage(
        MomentCoverage(6, 6),
        (AwaitPoint(_WHERE.file, 41, "lifespan", True), AwaitPoint(_WHERE.file, 38, "x", False)),
    ),
    timelines={FINGERPRINT: replace(TIMELINE, moments=_STORY, lives=_LIVES)},
    beside={
        FINGERPRINT: Beside(
            "on wsproto, where it does not happen",
            replace(
                TIMELINE,
                moments=_STORY[:5],
                lives=(Lifeline("handler of /ws", "handler", 0.0, 0.4, 1, 4, "returned"),),
            ),
        )
    },
    sources=(
        Excerpt(
            _WHERE.file,
            37,
            ("async def lifespan(socket):", "    yield", "", "", "            await task"),
        ),
    ),
    suppressed=(
        Suppressed(
            replace(FINDING, code="WSD401", name="slow-teardown", fingerprint="c0ffee02"),
            "comment",
            "it drains on purpose",
        ),
        Suppressed(
            replace(FINDING, code="WSD302", location=None, fingerprint="c0ffee03"), "baseline"
        ),
    ),
)
"""With all that a report may hold."""

HEALTHY = replace(
    DEFECTIVE,
    verdict="healthy",
    command="wsdoctor check fixed.py:app",
    target=TargetInfo("fixed.py:app", "app", "litestar"),
    markers=Markers(),
    findings=(),
    cases=tuple(case(*which) for which in product(SERVERS, KINDS, MOMENTS)),
    notes=(),
    timelines={},
)

NOTHING = replace(
    HEALTHY,
    verdict="nothing-checked",
    cases=(),
    notes=("the application has no WebSocket route",),
)


def variant(report: Report, name: str, *expected: str, as_declared: bool = True) -> Report:
    """``report`` as the report of a built-in variant."""
    return replace(
        report,
        command=f"wsdoctor run --variant {name}",
        target=TargetInfo(name, "variant", "litestar"),
        declared=Declared(
            variant=name,
            story="The sender runs in a task; the lifespan awaits it after the yield.",
            expected=expected,
            found=tuple(finding.code for finding in report.findings),
            as_declared=as_declared,
            fixed_twin=None if name == "fixed" else "fixed",
        ),
    )


def with_verdict(verdict: Verdict, *cases: CaseResult) -> Report:
    return replace(HEALTHY, verdict=verdict, cases=cases)
