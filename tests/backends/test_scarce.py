"""A pool of each library that has a single connection to lend: does the next client get it?"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from wsdoctor.recording.case import SCARCE, Case, Handshake, SendStep
from wsdoctor.session.timeouts import Timing
from wsdoctor.workers.messages import Load
from wsdoctor.workers.supervisor import Supervisor

APP = Path(__file__).parent / "apps" / "scarce.py"
PACKAGES = ("aiohttp", "asyncpg", "greenlet", "httpx", "psycopg_pool", "redis", "sqlalchemy")
LIBRARIES = ("asyncpg", "psycopg", "sqlalchemy", "redis", "httpx", "aiohttp")

# With the other tests that need servers.
pytestmark = pytest.mark.xdist_group("backends")


@pytest.fixture(scope="module")
def supervisor(postgres, redis, upstream) -> Iterator[Supervisor]:
    for package in PACKAGES:
        pytest.importorskip(package, reason=f"{package} is not installed")
    with Supervisor(Load(f"{APP}:app")) as supervisor:
        yield supervisor


@pytest.mark.parametrize("name", LIBRARIES)
def test_what_one_client_keeps_the_next_one_asks_for_in_vain(supervisor, name):
    found = {}
    for which in ("bug", "fixed"):
        path = f"/{name}/{which}"
        case = Case(
            path,
            "uvicorn:wsproto",
            "close",
            f"{SCARCE}:idle",
            Handshake(path),
            (SendStep(text="hi"),),
        )
        diagnosed = supervisor.run(case, Timing())
        assert diagnosed.recording.pooled
        found[which] = [
            (item.code, item.severity, item.place.function)
            for item in (cause.occurrence for cause in diagnosed.causes)
        ]
    assert found == {"bug": [("WSD309", "warning", f"from_{name}")], "fixed": []}
