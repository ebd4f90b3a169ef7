"""A pool of each library that has a single connection to lend: does the next client get it?"""

from __future__ import annotations

from pathlib import Path

import pytest

from wsdoctor import check
from wsdoctor.recording.case import SCARCE, SendStep

APP = Path(__file__).parent / "apps" / "scarce.py"
PACKAGES = ("aiohttp", "asyncpg", "greenlet", "httpx", "psycopg_pool", "redis", "sqlalchemy")
LIBRARIES = ("asyncpg", "psycopg", "sqlalchemy", "redis", "httpx", "aiohttp")

# With the other tests that need servers.
pytestmark = pytest.mark.xdist_group("backends")


def test_what_one_client_keeps_the_next_one_asks_for_in_vain(postgres, redis, upstream):
    for package in PACKAGES:
        pytest.importorskip(package, reason=f"{package} is not installed")
    report = check(
        f"{APP}:app",
        servers=["wsproto"],
        kinds=["close"],
        moments=[f"{SCARCE}:idle"],
        script=[SendStep(text="hi")],
        bystander=False,
        confirm="none",
    )
    found = {
        item.route: (item.code, item.severity, item.location and item.location.function)
        for item in report.findings
    }
    assert found == {f"/{name}/bug": ("WSD309", "warning", f"from_{name}") for name in LIBRARIES}
