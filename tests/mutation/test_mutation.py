"""A sample of the mutants of every correct handler (``python -m tests.mutation`` runs them all).

There are three samples, one a day (``tests/shares.py``). They are the same each time,
and others when programs change.
"""

from __future__ import annotations

import pytest

from tests import shares
from tests.mutation.campaign import Campaign, Mutant, Verdict, mutants, rewrites
from tests.mutation.reasons import LOOKED_AT
from tests.mutation.table import LIMIT, found_of_what_can_be, known

# One campaign for all: it holds a process that has loaded the programs.
pytestmark = pytest.mark.xdist_group("mutation")

LOTS = shares.of(range(3))
"""Each has one in a hundred."""


def is_met(item: Mutant) -> bool:
    """Whether a program in other words is met in this run: a sixth of two in a hundred."""
    return item.lot in {*LOTS, *(lot + 3 for lot in LOTS)} and shares.is_chosen(item.id)


@pytest.fixture(scope="module")
def campaign():
    with Campaign(processes=1) as running:
        yield running


@pytest.fixture(scope="module")
def verdicts(campaign) -> list[Verdict]:
    return campaign.run(mutant for mutant in mutants() if mutant.lot in LOTS)


def test_every_mutant_can_be_run(verdicts):
    assert not [item for item in verdicts if item.outcome == "no program"]


def test_nothing_survives_that_the_page_does_not_list(verdicts):
    left = [item for item in verdicts if item.outcome in {"survived", "told"}]
    listed = known().union(*LOOKED_AT.values())
    new = {
        item.mutant.id: (item.where, item.facts) for item in left if item.mutant.id not in listed
    }
    assert not new, "find them, or say why not: python -m tests.mutation --write"


def test_of_what_can_be_found_the_page_says_that_nearly_all_is():
    assert found_of_what_can_be() >= LIMIT


def test_the_same_in_other_words_stays_clean(campaign):
    alarms = [
        (item.mutant.id, item.codes)
        for item in campaign.rewritten(item for item in rewrites() if is_met(item))
        if item.outcome != "equivalent"
    ]
    assert not alarms
