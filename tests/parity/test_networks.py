"""The network in memory against real loopback sockets: the same recordings, event by event.

Virtual time on both sides, so times are compared as well, and tasks, stacks, frames: all that a
recording holds. No cell is known to differ.
"""

from __future__ import annotations

import sys
from collections import deque

import pytest
from msgspec.structs import replace

from tests import shares
from tests.parity.cells import VARIANTS, Cell, lives, named, play, rare
from tests.parity.telling import exactly, first_difference, judgement
from wsdoctor.plan.kinds import DEFAULT_KINDS
from wsdoctor.plan.moments import REVERSED
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.recording import Recording

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="what is held to is Linux's TCP")

SWEPT = ("fixed", "listen-in-listener", "no-listen", "swallowed-cancel")
"""One variant of each shape of handler. Each run sweeps a share (``tests/shares.py``); a sweep of all variants (14,928 schedules) agreed, too."""


def difference(cell: Cell, memory: Recording, loopback: Recording) -> str:
    """How the networks differ in a cell, for people; empty if they do not."""
    these, those = exactly(cell, memory), exactly(cell, loopback)
    if these != those:
        return f"{cell}: {first_difference(these, those)}"
    if judgement(memory) != judgement(loopback):
        return f"{cell}: the same events, judged differently"
    return ""


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_networks_give_the_same_recording(variant):
    """On one server, which is another one the next time (``tests/shares.py``)."""
    servers = shares.one_of(tuple(SERVERS), variant)
    cells = [cell for cell in named(variant) if cell.case.server in servers]
    assert len(cells) == len(DEFAULT_KINDS) * len(servers)
    told = [difference(cell, play(cell, "memory"), play(cell, "loopback")) for cell in cells]
    assert not any(told), "\n".join(filter(None, told))


@pytest.mark.parametrize("variant", SWEPT)
def test_both_networks_give_the_same_recording_of_what_is_rare(variant):
    told = [
        difference(cell, play(cell, "memory"), play(cell, "loopback")) for cell in rare(variant)
    ]
    assert len(told) == 3 * len(SERVERS)
    assert not any(told), "\n".join(filter(None, told))


@pytest.mark.parametrize("variant", shares.of(SWEPT))
def test_both_networks_give_the_same_recording_at_every_moment(variant):
    """… and in either order of the sockets that become ready together.

    On one server, which is another one the next time (``tests/shares.py``).
    """
    told: list[str] = []
    servers = shares.one_of(tuple(SERVERS), variant)
    for life in lives(variant):
        if life.case.server not in servers:
            continue
        moments = deque(moment.name for moment in play(life, "memory").moments)
        while moments:
            moment = moments.popleft()
            cell = Cell(variant, replace(life.case, moment=moment))
            memory = play(cell, "memory")
            loopback = play(cell, "loopback")
            told.append(difference(cell, memory, loopback))
            assert memory.together == loopback.together, cell
            if memory.together and not moment.endswith(REVERSED):
                moments.append(moment + REVERSED)
    assert len(told) > 130 * len(servers)
    assert not any(told), "\n".join(filter(None, told))
