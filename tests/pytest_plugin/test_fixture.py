"""The fixture ``wsdoctor``."""

from __future__ import annotations

import pytest

HEAD = """
import asyncio

import pytest

from app import app, echo, feed
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

QUICK = {"depth": "quick", "kinds": ["close"], "servers": ["wsproto"]}
only_echo = Starlette(routes=[WebSocketRoute("/echo", echo)])
"""


@pytest.fixture
def run(project, run_pytest):
    def run(*lines: str):
        body = "".join(f"    {line}\n" for line in lines)
        (project / "test_own.py").write_text(f"{HEAD}\n\ndef test_own(wsdoctor):\n{body}")
        (project / "conftest.py").touch()  # so that `app` can be imported
        return run_pytest()

    return run


def test_check_returns_the_report_of_an_object_or_of_a_target(run):
    ran = run(
        "for target in (app, 'app.py:app'):",
        "    report = wsdoctor.check(target, paths=['/feed'], **QUICK)",
        "    assert wsdoctor.report is report",
        "    (finding,) = report.findings",
        "    assert (finding.code, finding.location.file) == ('WSD501', 'app.py')",
    )
    assert ran.code == 0, ran.out


def test_a_healthy_application_passes_and_its_report_is_returned(run):
    ran = run(
        "assert wsdoctor.assert_healthy(only_echo, **QUICK).verdict == 'healthy'",
        "wsdoctor.assert_healthy()",
    )
    assert ran.code == 0, ran.out


def test_a_defective_one_fails_with_the_text_of_its_finding(run):
    ran = run("wsdoctor.assert_healthy(app, **QUICK)")
    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert "--- WSD501 cancelled-error-escapes  error  fault: app  route: /feed" in ran.out
    assert "> 25 | await task" in ran.out
    assert ">       wsdoctor.assert_healthy(app, **QUICK)" in ran.out
    assert "doctor.py:" not in ran.out  # no frame of ours


def test_the_last_report_can_be_judged(run):
    ran = run("wsdoctor.check(app, **QUICK)", "wsdoctor.assert_healthy()")
    assert "WSD501 cancelled-error-escapes" in ran.out
    assert run("wsdoctor.assert_healthy()").out.count("nothing was checked yet") > 0


def test_what_is_ignored_does_not_fail(run, project):
    assert run("wsdoctor.assert_healthy(app, ignore=['WSD501'], **QUICK)").code == 0
    source = (project / "app.py").read_text()
    (project / "app.py").write_text(
        source.replace("await task\n", "await task  # wsdoctor: ignore[WSD501] meant\n")
    )
    assert run("wsdoctor.assert_healthy(app, **QUICK)").code == 0


@pytest.mark.parametrize(
    "call, sentence",
    [
        ("wsdoctor.assert_healthy(Starlette(), **QUICK)", "nothing checked: "),
        ("wsdoctor.assert_healthy(only_echo, max_time=0.000001)", "inconclusive: "),
        ("wsdoctor.assert_healthy('nosuch:app')", "TargetError: there is no module 'nosuch'"),
        ("wsdoctor.assert_healthy(app, kinds=['clos'])", "PlanError: unknown kind of disconnect"),
        (
            "wsdoctor.assert_healthy(app, ignore=['WSD9'])",
            "SelectionError: there is no rule 'WSD9'",
        ),
    ],
)
def test_what_was_not_checked_is_no_pass(run, call, sentence):
    ran = run(call)
    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert sentence in ran.out


def test_an_object_is_not_checked_on_a_running_loop(run):
    ran = run(
        "async def main():",
        "    wsdoctor.check('app.py:app', paths=['/echo'], **QUICK)  # in a process of its own",
        "    wsdoctor.check(app)",
        "asyncio.run(main())",
    )
    assert ran.code == pytest.ExitCode.TESTS_FAILED
    assert "call it from a test that is no coroutine function" in ran.out
    assert "never awaited" not in ran.out
