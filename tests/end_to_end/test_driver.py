"""``--driver``: the user's own coroutine takes the client past a handshake that no option covers."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from wsdoctor.target import TargetError

APPS = Path(__file__).parent / "apps"
QUICK = ("--depth", "quick", "--disconnect", "close,abort,shutdown", "--workers", "1")


def test_a_correct_handler_behind_a_login_is_healthy_at_every_moment(wsdoctor):
    code, out, err = wsdoctor(
        *("check", "driven.py:app", "--driver", "driven.py:drive", "--format", "json"),
        *("--disconnect", "close,abort,fin,burst", "--workers", "1"),
        cwd=APPS,
    )
    report = json.loads(out)
    assert (code, err, report["findings"]) == (0, "", [])
    # Before the handshake, between its messages, after the last: in the driver's hands, too.
    assert all(case["moments"]["healthy"] > 8 for case in report["cases"])


def test_the_bug_behind_it_is_found_replayed_and_emitted(wsdoctor, tmp_path):
    report, test = tmp_path / "report.json", tmp_path / "test_bug.py"
    where = ("driven.py:buggy", "--driver", "driven.py:drive")
    code, out, _ = wsdoctor("check", *where, *QUICK, "--report", f"json={report}", cwd=APPS)
    assert code == 1
    assert "--driver driven.py:drive" in " ".join(out.split())
    task, finding = json.loads(report.read_text())["findings"]
    assert (task["code"], finding["code"]) == ("WSD301", "WSD201")
    assert finding["case"]["driver"] == "driven.py:drive"
    assert finding["confirmed"]["on_real_sockets"]
    # The report holds the driver: nothing else is needed to run the case again.
    code, out, _ = wsdoctor("replay", str(report), "--code", "WSD201", cwd=APPS)
    assert (code, "STILL FAILING" in out) == (1, True)
    code, _, err = wsdoctor(
        *("replay", finding["replay"], *where, "--emit", "pytest", "-o", str(test)), cwd=APPS
    )
    assert (code, err) == (1, f"wsdoctor: STILL FAILING: {finding['replay']}\n")
    assert "wsdoctor" not in test.read_text()
    assert run_pytest(test) == 1


@pytest.mark.parametrize("moment", ["after:2", "handshake", "send#1+1"])
def test_what_is_emitted_for_a_correct_handler_passes(tmp_path, moment):
    """On each way through the template: a named moment, the handshake, a poll."""
    from wsdoctor.recording.case import Case, Handshake
    from wsdoctor.report.reproducer import Application, reproducer

    kind = "before-accept" if moment == "handshake" else "abort"
    case = Case("/fine", "uvicorn:wsproto", kind, moment, Handshake("/fine"), driver="x")
    driver = Application(attribute="drive", module="driven", folder=str(APPS))
    app = Application(module="driven", folder=str(APPS))
    file = tmp_path / "test_fine.py"
    file.write_text(reproducer(case, code="WSD201", application=app, driver=driver))
    assert run_pytest(file) == 0


def run_pytest(file: Path) -> int:
    environment = os.environ | {"PYTHONPATH": ""}
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-c",
            os.devnull,
            str(file),
        ],
        cwd=APPS,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    ).returncode


def test_what_the_driver_asked_for_with_a_token_is_in_no_output(wsdoctor, tmp_path):
    report = tmp_path / "report.json"
    _, out, err = wsdoctor(
        *("check", "driven.py:buggy", "--driver", "driven.py:drive", *QUICK, "--verbose"),
        *("--report", f"json={report}"),
        cwd=APPS,
    )
    assert "hunter2" not in out + err + report.read_text()


@pytest.mark.parametrize(
    "driver, sentence",
    [
        ("driven.py", "'driven.py' names no function: give driven.py:drive, say"),
        ("driven.py:driv", "'driven.py' has no attribute 'driv': did you mean 'drive'?"),
        ("drivn.py:drive", "there is no file 'drivn.py': did you mean 'driven.py'?"),
        ("driven.py:no_coroutine", "'driven.py:no_coroutine' is no coroutine function"),
        ("driven.py:no_http", "'driven.py:no_http' does not take two arguments"),
        ("driven.py:never_connects", "returned without `await ws.connect()`, for the route /fine"),
        ("driven.py:exits", "raised SystemExit: 3 (driven.py, line"),
        ("driven.py:wrong_key", "raised KeyError: 'sid' (driven.py, line"),
    ],
)
def test_a_driver_that_is_none_or_fails_is_bad_input(wsdoctor, driver, sentence):
    code, out, err = wsdoctor("check", "driven.py:app", "--driver", driver, *QUICK, cwd=APPS)
    *traceback, last = err.splitlines()
    assert (code, out) == (2, "")
    assert last.startswith("wsdoctor: --driver: ")
    assert sentence in last
    assert all("site-packages" not in line for line in traceback)


def test_the_frames_of_a_driver_that_raised_are_shown(wsdoctor):
    _, _, err = wsdoctor(
        "check", "driven.py:app", "--driver", "driven.py:wrong_key", *QUICK, cwd=APPS
    )
    assert "await ws.connect(f\"{ws.path}?token={answer.json()['sid']}\")" in err


def test_a_refused_driver_has_checked_nothing(wsdoctor):
    code, out, _ = wsdoctor(
        *("check", "driven.py:app", "--driver", "driven.py:without_login", *QUICK), cwd=APPS
    )
    assert code == 4
    assert "WSD002 handshake-refused" in out


def test_a_driver_that_waits_in_vain_is_inconclusive(wsdoctor):
    code, out, _ = wsdoctor(
        *("check", "driven.py:app", "--driver", "driven.py:waits", *QUICK), cwd=APPS
    )
    assert code == 5
    assert "the client waited for message 3" in " ".join(out.split())


@pytest.mark.parametrize("as_object", [False, True])
def test_from_python(monkeypatch, as_object):
    import wsdoctor

    monkeypatch.chdir(APPS)
    monkeypatch.syspath_prepend(str(APPS))
    monkeypatch.delitem(sys.modules, "driven", raising=False)
    target = "driven.py:app"
    if as_object:
        target = importlib.import_module("driven").app
    report = wsdoctor.check(target, driver="driven.py:drive", kinds=["close"], depth="quick")
    assert (report.verdict, report.findings) == ("healthy", ())
    with pytest.raises(TargetError, match=r"'driven\.py:never_connects' returned without"):
        wsdoctor.check(target, driver="driven.py:never_connects", kinds=["close"], depth="quick")


def test_a_route_of_the_settings_has_a_driver_of_its_own(wsdoctor, tmp_path):
    settings = tmp_path / "wsdoctor.toml"
    settings.write_text(
        'driver = "driven.py:missing"\n[routes."/fine"]\ndriver = "driven.py:drive"\n'
    )
    command = ("check", "driven.py:app", "--config", str(settings), *QUICK)
    code, _, err = wsdoctor(*command, cwd=APPS)
    assert (code, "'driven.py' has no attribute 'missing'" in err) == (2, True)
    settings.write_text('[routes."/fine"]\ndriver = "driven.py:drive"\n')
    code, out, _ = wsdoctor(*command, cwd=APPS)
    assert (code, "verdict: healthy" in out) == (0, True)
