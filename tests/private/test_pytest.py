"""The names in ``wsdoctor/private/pytest.py``: a red test means that this pytest has changed them."""

from __future__ import annotations

import io

from _pytest._io import TerminalWriter

from wsdoctor.private.pytest import native_failure


def test_a_native_failure_is_its_lines_and_has_a_summary_of_one_line():
    failure = native_failure(["what went wrong\n", "  and where\n"], "app.py", 12, "WSD201")
    text = io.StringIO()
    failure.toterminal(TerminalWriter(text))
    assert text.getvalue().splitlines() == ["what went wrong", "  and where"]
    crash = failure.reprcrash
    assert crash is not None
    assert (crash.path, crash.lineno, crash.message) == ("app.py", 12, "WSD201")
