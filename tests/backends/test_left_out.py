"""Connections that handlers take from the pools of real libraries, with real servers."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsdoctor import check
from wsdoctor.recording.case import SendStep

APP = Path(__file__).parent / "apps" / "left_out.py"

# With the other tests that need servers.
pytestmark = pytest.mark.xdist_group("backends")

LIBRARIES = {
    "psycopg": "the pooled connection of psycopg, taken at",
    "alone": "the socket to 127.0.0.1:",
    "sqlalchemy": "the pooled connection of SQLAlchemy, taken at",
    "redis": "the pooled connection of redis, taken at",
}


def test_what_is_not_given_back_is_found_at_its_line_and_nothing_else(postgres, redis):
    for package in ("psycopg_pool", "sqlalchemy", "greenlet", "asyncpg", "redis"):
        pytest.importorskip(package, reason=f"{package} is not installed")
    report = check(
        f"{APP}:app",
        servers=["wsproto"],
        kinds=["close"],
        moments=["idle"],
        script=[SendStep(text="hi")],
        bystander=False,
        confirm="none",
    )
    found = {
        item.route: (item.code, item.location.line, item.message)
        for item in report.findings
        if item.severity != "info" and item.location is not None
    }
    lines = APP.read_text().splitlines()
    assert found.keys() == {f"/{name}/bug" for name in LIBRARIES}
    for name, said in LIBRARIES.items():
        code, line, message = found[f"/{name}/bug"]
        assert (code, lines[line - 1].rpartition("# <- ")[2]) == ("WSD309", name)
        assert message.startswith(said)
