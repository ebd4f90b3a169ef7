"""Applications with real backends: the correct twin is healthy, the bug is found at its line.

Few kinds of disconnect, on one server: what is tested is that time outside is given its due.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from wsdoctor import check
from wsdoctor.recording.case import SCARCE, SendStep

APPS = Path(__file__).parent / "apps"

# One worker of pytest's does them all: the servers are started once.
pytestmark = pytest.mark.xdist_group("backends")

POOLED = frozenset({"slow_query", "pool", "presence", "broadcast", "relay", "tokens"})
"""Those that take connections from a pool."""

PAIRS = [
    ("slow_query", "postgres", "WSD309"),
    ("notifications", "postgres", "WSD402"),
    ("pool", "postgres", "WSD309"),
    ("presence", "redis", "WSD201"),
    ("broadcast", "redis", "WSD402"),
    ("prices", "upstream", "WSD309"),
    ("relay", "upstream", "WSD201"),
    ("tokens", "upstream", "WSD201"),
    ("notes", "nothing", "WSD201"),
    ("shell", "nothing", "WSD308"),
    ("terminal", "nothing", "WSD309"),
    ("scheduled", "apscheduler", "WSD305"),
]


def _check(app: str, route: str, *kinds: str):
    return check(
        f"{APPS / app}.py:app",
        paths=[route],
        servers=["wsproto"],
        kinds=kinds,
        script=[SendStep(text="hi")],
        depth="quick",
        bystander=False,
        confirm="none",
    )


def _line(app: str) -> int:
    lines = (APPS / f"{app}.py").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if line.endswith("# <- here"))


@pytest.mark.parametrize("app, needs", [pair[:2] for pair in PAIRS])
def test_the_correct_twin_is_healthy(app, needs, request):
    request.getfixturevalue(needs)
    report = _check(app, "/fixed", "close", "abort")
    scarce = [case for case in report.cases if f"@{SCARCE}:" in case.id]
    assert len(scarce) == (app in POOLED)
    assert not [item for item in report.findings if item.severity != "info"]
    assert report.verdict == "healthy"
    # APScheduler's timers are set by the date, those of all others by the clock of the event loop.
    told = [note for note in report.notes if "sets timers by the date" in note]
    assert len(told) == (app == "scheduled")


@pytest.mark.parametrize("app, needs, code", PAIRS)
def test_the_bug_is_found_at_its_line(app, needs, code, request):
    request.getfixturevalue(needs)
    report = _check(app, "/bug", "close")
    found = [
        (item.code, item.location and item.location.line)
        for item in report.findings
        if item.severity != "info"
    ]
    assert (code, _line(app)) in found
