"""The smallest correct applications, at every moment of every kind of disconnect, on every server.

A share of them in each run (``tests/shares.py``).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import shares
from tests.zoo.faults_table import Ran, lines_of, measured_with, runs, written
from wsdoctor.diagnosis.comparable import Way, shows
from wsdoctor.reference_apps.forms import FORMS


def excused(ran: Iterator[Ran]) -> Iterator[Ran]:
    """``ran``, if nothing that it shows is the user's fault, compared with itself, as a check would do."""
    for form, server, kind, cases in ran:
        shown = {item.what: item.fault for item in shows(cases)}
        for case in cases:
            for cause in case.causes:
                found = cause.occurrence
                fault = shown.get(Way(found.code, found.way), found.fault)
                assert fault in {"framework", "server"}, (case.result.id, found)
        yield form, server, kind, cases


@pytest.mark.parametrize("form", shares.of(FORMS))
def test_nothing_that_the_smallest_shows_is_the_users_and_the_page_says_what_that_is(form):
    lines = lines_of(excused(runs([form])))
    versions, rows = written()
    if versions == measured_with():
        assert set(lines) <= set(rows.splitlines()), (
            "to write it anew: python -m tests.zoo.faults_table"
        )


def test_the_page_has_all_forms():
    """Other versions may show something else, which is why `check` runs the smallest with the user's own."""
    _, rows = written()
    assert all(f"| {words} |" in rows for words in FORMS.values())
