"""What an item says when something is wrong, and when it passes."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from junitparser import Failure, JUnitXml

OPTION = "--wsdoctor=app.py:app"
FEED = [
    f"app.py:app::/feed::{kind}-{server}"
    for kind in ("close", "abort")
    for server in ("uvicorn:wsproto", "uvicorn:websockets-sansio")
]


def change(project, old, new):
    source = (project / "app.py").read_text()
    assert old in source
    (project / "app.py").write_text(source.replace(old, new))


def add_setting(project, line):
    settings = (project / "wsdoctor.toml").read_text()
    (project / "wsdoctor.toml").write_text(f"{line}\n{settings}")


def test_a_finding_fails_its_items_with_the_text_of_the_command(project, run_pytest, run_wsdoctor):
    ran = run_pytest(OPTION)
    assert (ran.code, ran.failed) == (pytest.ExitCode.TESTS_FAILED, FEED)
    assert "4 failed, 5 passed" in ran.out
    told = run_wsdoctor("check", "app.py:app").out
    block = told[told.index("--- WSD501") : told.index("connection over")]
    assert ran.out.count(block) == 1  # the others are short, and name the test that has all of it
    assert ran.out.count(f"shown in full: {FEED[0]}") == 3
    assert "Traceback" not in ran.out
    assert "pytest_plugin" not in ran.out


@pytest.mark.parametrize(
    "style, full, brief",
    [("auto", 1, 3), ("long", 4, 0), ("short", 0, 4), ("line", 0, 0), ("no", 0, 0)],
)
def test_the_amount_of_detail_is_pytests_own_option(project, run_pytest, style, full, brief):
    ran = run_pytest(OPTION, f"--tb={style}", "-m", "wsdoctor")
    assert ran.out.count("--- WSD501") == full
    assert ran.out.count("\nwsdoctor replay") == brief
    assert ran.out.count("\napp.py:25: WSD501 cancelled-error-escapes") == (
        4 if style == "line" else 0
    )


def test_the_first_failure_ends_the_session_if_that_is_asked_for(project, run_pytest):
    ran = run_pytest(OPTION, "-x")
    assert ran.failed == FEED[:1]
    assert "stopping after 1 failures" in ran.out


def test_what_failed_is_run_again_and_passes_when_it_is_fixed(project, run_pytest):
    assert run_pytest(OPTION).failed == FEED
    ran = run_pytest(OPTION, "--lf")
    assert ran.failed == FEED
    assert "4 failed" in ran.out
    change(project, "await task\n", "await asyncio.wait([task])\n")
    ran = run_pytest(OPTION, "--lf")
    assert (ran.code, ran.failed) == (0, [])
    assert "4 passed" in ran.out


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_junit_has_a_case_for_each_item(project, run_pytest, workers):
    run_pytest(OPTION, "--junit-xml=junit.xml", "-m", "wsdoctor", *workers)
    (suite,) = JUnitXml.fromfile(str(project / "junit.xml"))
    cases = {f"{case.classname}::{case.name}": case for case in suite}
    assert len(cases) == 8
    failed = [name for name, case in cases.items() if case.result]
    assert sorted(failed) == sorted(name.replace("::/feed", "./feed") for name in FEED)
    for name in failed:
        (result,) = cases[name].result
        assert isinstance(result, Failure)
        assert result.message.startswith("WSD501 cancelled-error-escapes: `feed` awaits `task`")
        assert "app.py:25 in feed" in result.text
        assert "wsdoctor replay '/feed close@" in result.text


def test_a_baseline_of_the_command_passes(project, run_pytest, run_wsdoctor):
    made = run_wsdoctor("check", "app.py:app", "--baseline", "known.json", "--baseline-update")
    assert made.code == 0
    add_setting(project, 'baseline = "known.json"')
    assert run_pytest(OPTION).code == 0
    change(
        project,
        "    except WebSocketDisconnect:\n        pass\n\n\napp",
        "    finally:\n        pass\n\n\napp",
    )
    ran = run_pytest(OPTION)
    assert ran.failed == [name.replace("/feed", "/echo") for name in FEED]
    assert "WSD201 unhandled-disconnect" in ran.out


@pytest.mark.parametrize(
    "setting", ['ignore = ["WSD501"]', 'ignore = ["cancelled-error-escapes"]', 'select = ["WSD3"]']
)
def test_a_rule_that_is_not_to_be_reported_fails_nothing(project, run_pytest, setting):
    add_setting(project, setting)
    assert run_pytest(OPTION).code == 0


def test_a_rule_that_one_route_is_not_to_report_fails_another_one(project, run_pytest):
    settings = (project / "wsdoctor.toml").read_text()
    (project / "wsdoctor.toml").write_text(f'{settings}\n[routes."/feed"]\nignore = ["WSD501"]')
    change(project, 'WebSocketRoute("/echo", echo)', 'WebSocketRoute("/again", feed)')
    assert run_pytest(OPTION).failed == [name.replace("/feed", "/again") for name in FEED]


def test_a_comment_with_its_reason_counts(project, run_pytest):
    change(
        project, "await task\n", "await task  # wsdoctor: ignore[WSD501] the server expects it\n"
    )
    assert run_pytest(OPTION).code == 0


def test_what_is_below_the_limit_passes(project, run_pytest):
    change(
        project,
        "        task.cancel()\n        await task\n",
        "        task.cancel()\n        await asyncio.sleep(3)\n",
    )
    ran = run_pytest(OPTION)
    assert "WSD401 slow-teardown" in ran.out
    assert ran.failed == FEED
    assert run_pytest(OPTION, "--wsdoctor-fail-on=error").code == 0
    add_setting(project, 'fail-on = "error"')
    assert run_pytest(OPTION).code == 0
    assert run_pytest(OPTION, "--wsdoctor-fail-on=warning").failed == FEED


def test_a_handshake_that_is_refused_is_no_pass(project, run_pytest):
    change(
        project,
        "async def echo(socket):\n",
        "async def echo(socket):\n    if socket.headers.get('token') != 'opensesame':\n"
        "        await socket.close()\n        return\n",
    )
    ran = run_pytest(OPTION, "-k", "echo")
    assert len(ran.failed) == 4
    assert "WSD002 handshake-refused" in ran.out
    assert "--header" in ran.out
    with (project / "wsdoctor.toml").open("a") as settings:
        settings.write('[routes."/echo".headers]\ntoken = "opensesame"\n')
    assert run_pytest(OPTION, "-k", "echo").code == 0


def test_a_secret_of_the_settings_is_in_no_output(project, run_pytest):
    change(
        project, "async def feed(socket):\n", "async def feed(socket):\n    print(socket.headers)\n"
    )
    change(
        project, 'await socket.send_text("tick")', 'await socket.send_text(socket.headers["token"])'
    )
    with (project / "wsdoctor.toml").open("a") as settings:
        settings.write('[routes."/feed".headers]\ntoken = "opensesame"\n')
    ran = run_pytest(OPTION, "--tb=long", "--junit-xml=junit.xml")
    assert ran.failed == FEED
    assert "opensesame" not in ran.out + (project / "junit.xml").read_text()


def test_what_is_not_known_is_no_pass_and_says_how_to_find_out(project, run_pytest):
    add_setting(project, "max-time = 0.000001")
    ran = run_pytest(OPTION, "-k", "echo")
    assert (ran.code, len(ran.failed)) == (pytest.ExitCode.TESTS_FAILED, 4)
    assert "inconclusive, which is no pass: " in ran.out
    assert "s that --max-time gives were over" in ran.out
    assert (
        "wsdoctor check app.py:app --path /echo --ws wsproto --disconnect close --verbose"
        in ran.out
    )


def test_an_application_that_freezes_is_a_finding_and_no_hung_session(project, run_pytest):
    change(
        project,
        "            await socket.receive_text()\n",
        "            while await socket.receive_text() or True:\n                while True:\n                    pass\n",
    )
    with (project / "wsdoctor.toml").open("a") as settings:
        settings.write('[routes."/feed"]\nscript = ["send on"]\n')
    ran = run_pytest(OPTION, "-k", "feed and close and wsproto")
    assert ran.failed == FEED[:1]
    assert "WSD404 event-loop-blocked" in ran.out


def test_a_driver_that_raises_fails_the_items_of_its_route_with_its_lines(project, run_pytest):
    (project / "drive.py").write_text(
        "async def subscribe(http, ws):\n    await ws.connect()\n    raise KeyError('id')\n"
    )
    with (project / "wsdoctor.toml").open("a") as settings:
        settings.write('[routes."/echo"]\ndriver = "drive.py:subscribe"\n')
    ran = run_pytest(OPTION)
    assert ran.failed == [*FEED, *(name.replace("/feed", "/echo") for name in FEED)]
    assert 'drive.py", line 3, in subscribe' in ran.out
    assert "--driver: 'drive.py:subscribe' raised KeyError" in ran.out


def test_servers_that_diverge_fail_the_items_of_those_that_do(project, run_pytest, run_wsdoctor):
    bad = files("wsdoctor.diagnosis.rules.examples").joinpath("wsd801_bad.py").read_text()
    (project / "app.py").write_text(bad)
    (project / "wsdoctor.toml").write_text(
        'depth = "quick"\ndisconnects = ["fin", "close"]\nscript = ["send hello"]\n'
    )
    report = json.loads(run_wsdoctor("check", "app.py:app", "--format", "json").out)
    (finding,) = report["findings"]
    apart = [server for server, mark in finding["servers"].items() if mark != "no"]
    assert (finding["code"], len(apart)) == ("WSD801", 2)
    ran = run_pytest(OPTION)
    assert set(ran.failed) == {
        f"app.py:app::/ticks::{kind}-{server}"
        for kind in finding["disconnects"]
        for server in apart
    }
    # Each of them is healthy by itself: the other servers are asked, too.
    ran = run_pytest(OPTION, f"app.py:app::/ticks::close-{apart[0]}")
    assert "WSD801 servers-diverge" in ran.out
