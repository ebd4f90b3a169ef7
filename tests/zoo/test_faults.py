"""The smallest correct applications, at every moment of every kind of disconnect, on every server.

A third of them in each run (``tests/thirds.py``).
"""

from __future__ import annotations

import pytest

from tests import thirds
from tests.zoo.faults_table import lines_of, measured_with, written
from wsdoctor.diagnosis.fault import Way, shows
from wsdoctor.plan.kinds import DEFAULT_KINDS
from wsdoctor.plan.servers import SERVERS
from wsdoctor.smallest.forms import FORMS
from wsdoctor.smallest.run import swept


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("form", thirds.of(FORMS))
def test_nothing_that_the_smallest_shows_is_the_users(form, server):
    """Compared with itself, as a check of it would: whatever is found can be compared, and is excused."""
    for kind in DEFAULT_KINDS:
        cases = list(swept(form, server, kind))
        shown = {item.what: item.fault for item in shows(cases)}
        for case in cases:
            for cause in case.causes:
                found = cause.occurrence
                fault = shown.get(Way(found.code, found.way), found.fault)
                assert fault in {"framework", "server"}, (case.result.id, found)


def test_the_page_is_what_these_versions_show():
    versions, rows = written()
    if versions != measured_with():
        # Others may show something else, which is why `check` runs the smallest with the user's own.
        assert rows.count("\n") >= len(FORMS)
        return
    of_form = set(lines_of(thirds.of(FORMS)))
    assert of_form <= set(rows.splitlines()), "to write it anew: python -m tests.zoo.faults_table"
