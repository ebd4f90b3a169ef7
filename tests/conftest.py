"""What tests of several folders share."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests import shares

shares.choose()

# How long an example takes says nothing on a busy machine.
settings.register_profile(
    "unhurried", settings.default, deadline=None, suppress_health_check=(HealthCheck.too_slow,)
)
settings.load_profile("unhurried")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Two more than there are processors: the tests on the wall clock, and with threads, mostly sleep."""
    return (os.cpu_count() or 1) + 2


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Stop if pytest-xdist does not keep groups together: each worker would do the dear things again."""
    if not config.getoption("loadgroup", default=False):
        return
    if alone := [
        item.nodeid
        for item in items
        if item.get_closest_marker("xdist_group") and "@" not in item.nodeid
    ]:
        raise RuntimeError(f"pytest-xdist has lost the group of {alone[0]}")


def pytest_report_header() -> str:
    return f"the share that is run at every moment: {shares.NAME}={shares.chosen()}"


@pytest.fixture
def interruptible() -> Iterator[None]:
    """As in a terminal: what a shell starts in the background ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
