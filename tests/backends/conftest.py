"""The servers that these tests talk to, started once, and stopped when they are through."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.backends import servers

_MISSING = "{} is not installed: the tests with it were skipped"


def _address(name: str, url: str) -> Iterator[str]:
    """``url``, and in the environment for the worker processes, in which the applications run."""
    os.environ[name] = url
    yield url
    del os.environ[name]


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    executable = servers.program("redis-server")
    if executable is None:
        pytest.skip(_MISSING.format("redis-server"))
    with servers.redis(executable) as url:
        yield from _address("REDIS_URL", url)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    executable = servers.program("initdb")
    if executable is None:
        pytest.skip(_MISSING.format("PostgreSQL"))
    with servers.postgres(executable) as url:
        yield from _address("POSTGRES_URL", url)


@pytest.fixture(scope="session")
def upstream() -> Iterator[str]:
    with servers.upstream() as (feed, tokens):
        os.environ["TOKENS_URL"] = tokens
        yield from _address("FEED_URL", feed)
        del os.environ["TOKENS_URL"]


@pytest.fixture(scope="session")
def apscheduler() -> None:
    pytest.importorskip("apscheduler", reason="APScheduler is not installed")


@pytest.fixture(scope="session")
def nothing() -> None:
    """No server of its own."""
