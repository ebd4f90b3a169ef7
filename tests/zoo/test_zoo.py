"""The zoo: realistic handlers with one defect each, and beside each the closest correct one.

A buggy handler is at ``/NAME-bug``, its twin at ``/NAME-ok``. The comment ``# <- WSDnnn NAME`` stands
on the line that the finding must name. The twin is met at every kind of disconnect, every named
moment and on every server, and nothing may be found.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from msgspec.structs import replace

from wsdoctor.diagnosis.finding import CaseResult, Finding
from wsdoctor.explore.checkup import check
from wsdoctor.explore.options import Options
from wsdoctor.recording.case import SendStep
from wsdoctor.report.model import Report

APPS = Path(__file__).parent / "apps"

_MARK = re.compile(r"# <- (WSD\d{3}) ([\w-]+)$")

PLAIN = ("close",)
"""The kinds at which a defect is looked for unless its row says more: its twin is met at all."""

STAYS = ("close", "stall-close")
"""For what the handler does while the client is still there."""

BESIDE = ("close+bystander", "abort+bystander")
"""For what another client gets when one has left."""


@dataclass(frozen=True)
class Pair:
    """A row: ``code`` is what the buggy handler must be found for, and nothing else.

    ``says`` is what the client sends first. ``told`` are the codes that the twin may be told of as
    ``info``; ``verdict`` is that on the twin.
    """

    app: str
    name: str
    code: str
    kinds: tuple[str, ...] = PLAIN
    servers: tuple[str, ...] = ()
    says: str = ""
    subprotocols: tuple[str, ...] = ()
    told: frozenset[str] = frozenset()
    verdict: str = "healthy"

    def options(self, *, bug: bool) -> Options:
        return Options(
            kinds=self.kinds if bug else (),
            servers=self.servers if bug else (),
            script=(SendStep(text=self.says),) if self.says else (),
            subprotocols=self.subprotocols,
        )


def refusing(app: str, name: str, code: str) -> Pair:
    """A pair that refuses its client: correctly, there is nothing to check."""
    return Pair(app, name, code, told=frozenset({"WSD002"}), verdict="nothing-checked")


ZOO = (
    # plain Starlette
    Pair("starlette_raw", "close-in-finally", "WSD101"),
    Pair("starlette_raw", "receive-loop", "WSD104"),
    Pair("starlette_raw", "plain-echo", "WSD201", kinds=("close", "burst")),
    refusing("starlette_raw", "reject", "WSD103"),
    refusing("starlette_raw", "denial", "WSD103"),
    Pair("starlette_raw", "farewell", "WSD102"),
    Pair("starlette_raw", "slow-ticker", "WSD204"),
    Pair("starlette_raw", "deaf-ticker", "WSD402"),
    Pair("starlette_raw", "progress", "WSD103", kinds=STAYS),
    Pair("starlette_raw", "five-messages", "WSD201"),
    Pair("starlette_raw", "one-answer", "WSD101"),
    Pair("starlette_raw", "subprotocol", "WSD104", kinds=STAYS, subprotocols=("v2", "v1")),
    Pair("starlette_raw", "command", "WSD602", says="dance"),
    # its endpoint class
    Pair("starlette_endpoint", "close-in-hook", "WSD101"),
    Pair("starlette_endpoint", "heartbeat-hook", "WSD301"),
    Pair("starlette_endpoint", "registry-hook", "WSD203"),
    Pair("starlette_endpoint", "worker-hook", "WSD402", says="hello"),
    # what it shares between connections
    Pair("starlette_shared", "publisher", "WSD102"),
    Pair("starlette_shared", "reconnect", "WSD301", told=frozenset({"WSD301"})),
    # FastAPI
    Pair("fastapi_app", "dependency", "WSD102"),
    Pair("fastapi_app", "dependency-task", "WSD201"),
    Pair("fastapi_app", "manager", "WSD102", says="hello"),
    Pair("fastapi_app", "removed-twice", "WSD203"),
    Pair("fastapi_app", "heartbeat", "WSD301"),
    Pair("fastapi_app", "thread", "WSD102", says="hello"),
    Pair("fastapi_app", "order", "WSD602", says='{"count": 2}'),
    refusing("fastapi_app", "refused", "WSD103"),
    # Litestar's listeners
    Pair("litestar_listener", "stream-task", "WSD201"),
    Pair("litestar_listener", "slow-task", "WSD401"),
    Pair("litestar_listener", "group-lifespan", "WSD202"),
    Pair("litestar_listener", "resource", "WSD201"),
    Pair("litestar_listener", "farewell-hook", "WSD201", told=frozenset({"WSD802"})),
    Pair("litestar_listener", "ping-hook", "WSD301"),
    Pair("litestar_listener", "leave-hook", "WSD203"),
    # its plain handlers
    Pair("litestar_raw", "group", "WSD202"),
    Pair("litestar_raw", "sibling", "WSD202"),
    Pair("litestar_raw", "first", "WSD301"),
    Pair("litestar_raw", "gather", "WSD201"),
    Pair("litestar_raw", "queue", "WSD204"),
    Pair("litestar_raw", "quiet", "WSD201"),
    Pair("litestar_raw", "shield", "WSD301"),
    Pair("litestar_raw", "close-after", "WSD201"),
    Pair("litestar_raw", "cancelled", "WSD501"),
    Pair("litestar_raw", "readers", "WSD105"),
    # its streams, dependencies and guards
    Pair("litestar_stream", "stream", "WSD204", told=frozenset({"WSD202"})),
    Pair("litestar_stream", "send-stream", "WSD204", told=frozenset({"WSD202"})),
    Pair("litestar_stream", "short-stream", "WSD103", kinds=STAYS, told=frozenset({"WSD202"})),
    Pair("litestar_stream", "backlog", "WSD601", says="hello"),
    Pair("litestar_stream", "subscription", "WSD601", says="sports", told=frozenset({"WSD202"})),
    Pair("litestar_stream", "announced", "WSD601", says="hello"),
    Pair("litestar_stream", "session", "WSD201"),
    Pair("litestar_stream", "feed", "WSD401"),
    refusing("litestar_stream", "guard", "WSD103"),
    # what it sends to many
    Pair("litestar_rooms", "room", "WSD201", says="hello"),
    Pair("litestar_rooms", "channel", "WSD204"),
    # no framework
    # uvicorn's legacy implementation gives the disconnect again and again: that freezes the loop.
    Pair("asgi_raw", "echo", "WSD104", servers=("websockets-sansio", "wsproto")),
    Pair("asgi_raw", "close", "WSD101"),
    refusing("asgi_raw", "answer", "WSD106"),
    Pair("asgi_raw", "stream", "WSD302"),
    Pair("asgi_raw", "raw-group", "WSD402", told=frozenset({"WSD202"})),
    # what a connection leaves unfinished
    Pair("starlette_leaks", "moves", "WSD303"),
    Pair("starlette_leaks", "pages", "WSD304", says="Dune"),
    Pair("litestar_leaks", "inbox", "WSD303"),
    Pair("litestar_leaks", "refresh", "WSD502"),
    Pair("litestar_leaks", "desk", "WSD205", kinds=("burst",)),
    Pair("litestar_leaks", "quotes", "WSD304"),
    Pair("litestar_leaks", "rates", "WSD304", told=frozenset({"WSD202"})),
    Pair("asgi_leaks", "latch", "WSD303"),
    Pair("fastapi_leaks", "table", "WSD205", kinds=STAYS),
    Pair("fastapi_leaks", "poll", "WSD502"),
    Pair("asgi_leaks", "job", "WSD502"),
    Pair("asgi_leaks", "seat", "WSD205", kinds=("burst",)),
    Pair("asgi_leaks", "lease", "WSD304"),
    Pair("asgi_raw", "worker", "WSD602"),
    # what one client does to another
    Pair("starlette_crowd", "headlines", "WSD405", kinds=("stall+bystander",)),
    Pair("starlette_crowd", "quotes", "WSD405", kinds=BESIDE),
    Pair("starlette_crowd", "scores", "WSD405", kinds=BESIDE),
    Pair("starlette_crowd", "ticker", "WSD405", kinds=BESIDE),
    Pair("fastapi_crowd", "chat", "WSD405", kinds=BESIDE, says="hello"),
    Pair("fastapi_crowd", "feed", "WSD405", kinds=("stall+bystander",)),
    Pair("fastapi_crowd", "alerts", "WSD405", kinds=("stall+bystander",)),
    Pair("litestar_crowd", "lounge", "WSD405", kinds=("stall+bystander",)),
    Pair("litestar_crowd", "wall", "WSD405", kinds=("stall+bystander",)),
    Pair("asgi_crowd", "beat", "WSD405", kinds=("stall+bystander",)),
    Pair("asgi_crowd", "relay", "WSD405", kinds=BESIDE),
)


def marked(pair: Pair) -> set[tuple[str, int]]:
    """The codes and lines that the comments of a pair point at."""
    lines = (APPS / f"{pair.app}.py").read_text(encoding="utf-8").splitlines()
    found = ((number, _MARK.search(line)) for number, line in enumerate(lines, start=1))
    return {(mark[1], number) for number, mark in found if mark and mark[2] == pair.name}


def alike(pair: Pair, *, bug: bool) -> list[Pair]:
    """The rows that are run in the same way: one worker serves them all."""
    options = pair.options(bug=bug)
    return [row for row in ZOO if row.app == pair.app and row.options(bug=bug) == options]


@functools.cache
def report_on(first: Pair, *, bug: bool) -> Report:
    """The report on the buggy ones, or the twins, of all rows like ``first``."""
    which = "bug" if bug else "ok"
    paths = tuple(f"/{row.name}-{which}" for row in alike(first, bug=bug))
    return check(f"{APPS / first.app}.py:app", replace(first.options(bug=bug), paths=paths))


def examined(pair: Pair, *, bug: bool) -> tuple[tuple[Finding, ...], tuple[CaseResult, ...]]:
    """What was found on the buggy one, or the twin, of ``pair``."""
    report = report_on(alike(pair, bug=bug)[0], bug=bug)
    route = f"/{pair.name}-{'bug' if bug else 'ok'}"
    return (
        tuple(item for item in report.findings if item.route == route),
        tuple(case for case in report.cases if case.route == route),
    )


def told(findings: tuple[Finding, ...]) -> str:
    """The findings for people, so that a failure explains itself."""
    return "\n".join(
        f"{item.code} {item.severity} at {item.location.line if item.location else None}: "
        f"{item.message} ({item.moments.failing}/{item.moments.checked}, {item.replay})"
        for item in findings
    )


ROWS = [pytest.param(pair, id=f"{pair.app}-{pair.name}") for pair in ZOO]


@pytest.mark.parametrize("pair", ROWS)
def test_the_bug_is_found_on_its_line_and_nothing_else_is(pair: Pair):
    findings, cases = examined(pair, bug=True)
    found = {
        (item.code, item.location.line if item.location else 0)
        for item in findings
        if item.severity != "info"
    }
    assert {code for code, _ in marked(pair)} == {pair.code}
    assert found == marked(pair), told(findings)
    assert "defective" in {case.verdict for case in cases}


@pytest.mark.parametrize("pair", ROWS)
def test_nothing_is_found_in_its_twin(pair: Pair):
    findings, cases = examined(pair, bug=False)
    assert not [item for item in findings if item.severity != "info"], told(findings)
    assert {item.code for item in findings} <= pair.told, told(findings)
    assert {case.verdict for case in cases} == {pair.verdict}, undecided(cases, pair.verdict)


def undecided(cases: tuple[CaseResult, ...], verdict: str) -> str:
    return "\n".join(f"{case.id}: {case.note}" for case in cases if case.verdict != verdict)


def test_every_route_of_the_zoo_is_in_the_table():
    for path in sorted(APPS.glob("*.py")):
        marks = set(re.findall(r"# <- WSD\d{3} ([\w-]+)$", path.read_text(), re.MULTILINE))
        assert marks == {pair.name for pair in ZOO if pair.app == path.stem}, path.stem
