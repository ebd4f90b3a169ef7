"""What the fixture ``wsdoctor`` gives a test."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Unpack

import pytest

from wsdoctor.api import check
from wsdoctor.diagnosis.finding import Severity
from wsdoctor.options.check import Keywords
from wsdoctor.pytest_plugin.failure_text import text_of
from wsdoctor.report.conclusion import conclusion
from wsdoctor.report.model import Report
from wsdoctor.suppression.apply import Decisions, silence
from wsdoctor.suppression.selection import codes_of


class Doctor:
    """Checks applications; ``report`` is the Report of the last check."""

    def __init__(self) -> None:
        self.report: Report | None = None

    def check(self, app: str | Callable[..., Any], **options: Unpack[Keywords]) -> Report:
        """The Report on ``app``; the options, and what is raised, are those of ``wsdoctor.check``."""
        __tracebackhide__ = True
        if not isinstance(app, str) and _loop_runs():
            pytest.fail(
                "an application object is checked on an event loop of wsdoctor's own, and one runs "
                "here: call it from a test that is no coroutine function, or give the application as "
                "'module:attr'"
            )
        self.report = check(app, **options)
        return self.report

    def assert_healthy(
        self,
        app: str | Callable[..., Any] | None = None,
        *,
        fail_on: Severity = "warning",
        ignore: Iterable[str] = (),
        **options: Unpack[Keywords],
    ) -> Report:
        """Fail with the findings in ``app`` (default: the app of the last check), or return the Report.

        ``ignore`` lists rules by code, name or prefix; ``# wsdoctor: ignore[…]`` in the code counts
        too. The test also fails if a case could not be checked or decided. Raises SelectionError for
        a rule that does not exist.
        """
        __tracebackhide__ = True
        decisions = Decisions(ignore=codes_of(ignore))
        if app is not None:
            self.check(app, **options)
        if self.report is None:
            pytest.fail(
                "nothing was checked yet: call wsdoctor.check(app), or give the application"
            )
        report = silence(self.report, decisions)
        if conclusion(report, fail_on) != "healthy":
            pytest.fail(text_of(report, fail_on))
        return report


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
