"""A sample of the soak: correct handlers stay clean, and buggy ones show that it can fail."""

from __future__ import annotations

import asyncio
import datetime as dt

import pytest

from tests.soak.__main__ import known, run
from tests.soak.targets import Target, others, zoo

SAMPLE = 12
"""Twins that are soaked in one run; which ones, the date chooses."""

SEEN = ("quart_app halves", "starlette_raw plain-echo")
"""Buggy handlers that a soak of three seconds notices on a default server."""


def sample() -> list[Target]:
    twins = zoo(bugs=False)
    day = dt.datetime.now(tz=dt.UTC).date().toordinal()
    return [twins[(day * SAMPLE + number) % len(twins)] for number in range(SAMPLE)]


def test_correct_handlers_stay_clean():
    results = asyncio.run(run([*sample(), *others()]))
    assert {key: str(item) for key, item in results.items() if not known(key[0], item)} == {}
    assert all(item.seen.connections for item in results.values())


@pytest.mark.parametrize("name", SEEN)
def test_it_can_fail(name):
    (target,) = (target for target in zoo(bugs=True) if target.name == name)
    results = asyncio.run(run([target]))
    assert not any(item.clean for item in results.values())
