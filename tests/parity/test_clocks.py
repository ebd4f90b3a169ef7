"""Virtual time against stock asyncio on the wall clock and real sockets: the same tale and judgement.

Every built-in variant on every server at every kind of disconnect, a share of these cells in each run
(``tests/shares.py``): nearly an hour of waiting, which some dozens of processes share. On the wall clock a session has less patience
(``Patience.of``); ``tale`` leaves out what depends on that. The network in memory stands for
both networks of virtual time: ``test_networks`` finds no difference between them.
"""

from __future__ import annotations

import concurrent.futures
import multiprocessing

import pytest

from tests import shares
from tests.parity.cells import VARIANTS, Cell, named, play
from tests.parity.telling import first_difference, judgement, tale
from wsdoctor.recording.recording import Recording, load, save

# Its sessions are looked at together, and mostly sleep: one worker of pytest-xdist is enough.
pytestmark = pytest.mark.xdist_group("wall clock")

PROCESSES = 40
"""They sleep nearly all the time: together they keep less than half a core busy."""

PING_TIMEOUT = 40.0
"""uvicorn pings after 20 seconds, and 20 seconds later gives up on a client that does not answer."""

DIFFERS = {
    (variant, kind): "the stream sends every two seconds, and so just when the pings time out"
    for kind in ("vanish", "stall")
    for variant in VARIANTS
    if variant
    not in {
        "complex-data",  # never gets to send
        "no-listen",  # the same on both clocks: only the next send finds out
        "swallowed-cancel",  # sends at other times
        "swallowed-cancel-fixed",
        "websocket-listener",  # never sends
    }
} | {
    ("no-listen", "burst"): "it reads nothing, so the legacy server finds out by a ping, as above",
}
"""Cells in which the clocks differ, each with its reason.

In virtual time both fall on the same instant, and the order of two timers decides; on the wall clock
twenty sleeps have each lasted a little longer, so the time-out is first. Either may happen. Until
then these cells are the same, too; whether they part there is chance and is not asserted.
"""

DISTURBED = 3
"""Cells (one in a hundred) that may be run a second time: a busy machine is no difference."""


def saved_on_the_wall_clock(cell: Cell) -> bytes:
    return save(play(cell, "wall"))


def on_the_wall_clock(cells: list[Cell]) -> list[Recording]:
    """Their Recordings, in the same order."""
    spawn = multiprocessing.get_context("spawn")
    with concurrent.futures.ProcessPoolExecutor(PROCESSES, mp_context=spawn) as processes:
        return [load(saved) for saved in processes.map(saved_on_the_wall_clock, cells)]


def difference(cell: Cell, wall: Recording) -> str:
    """How the cell differs between the clocks, for people; empty if it does not."""
    virtual = play(cell, "memory")
    if (cell.variant, cell.case.kind) in DIFFERS:
        # Not up to that very second: on a busy machine twenty sleeps last some seconds longer.
        these = tale(virtual, PING_TIMEOUT - 10)
        those = tale(wall)[: len(these)]
        return "" if these == those else f"{cell}: {first_difference(these, those)}"
    these, those = tale(virtual), tale(wall)
    if these != those:
        return f"{cell}: {first_difference(these, those)}"
    # Through the same door: what is saved and loaded has lists for tuples and plain numbers.
    judged, there = judgement(load(save(virtual))), judgement(wall)
    return "" if judged == there else f"{cell}: judged {judged} and {there}"


@pytest.fixture(scope="module")
def differences() -> dict[str, list[str]]:
    """The cells that differ, by variant, told for people."""
    slow_first = {"vanish": 0, "stall": 0, "stall-close": 1, "stall-abort": 1, "oversize": 2}
    cells = [cell for variant in VARIANTS for cell in named(variant) if shares.is_chosen(cell)]
    cells.sort(key=lambda cell: slow_first.get(cell.case.kind, 3))
    differing = compared(cells)
    print("differed at first:", *differing.values(), sep="\n")
    if len(differing) <= DISTURBED:
        differing = compared(list(differing))
    return {
        variant: [said for cell, said in differing.items() if cell.variant == variant]
        for variant in VARIANTS
    }


def compared(cells: list[Cell]) -> dict[Cell, str]:
    """Those that differ, and how."""
    # First one, then the other: while threads (a pool has some) are at work, virtual time keeps pace with them.
    walls = on_the_wall_clock(cells)
    told = {cell: difference(cell, wall) for cell, wall in zip(cells, walls, strict=True)}
    return {cell: said for cell, said in told.items() if said}


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_wall_clock_tells_the_same(variant, differences):
    assert not differences[variant], "\n".join(differences[variant])


def test_what_differs_is_in_the_table_for_a_reason():
    assert all(
        kind in {"vanish", "stall", "burst"} and reason for (_, kind), reason in DIFFERS.items()
    )
    assert {variant for variant, _ in DIFFERS} < set(VARIANTS)
