"""A verdict of "healthy" is earned: what was not reached is said, what was not accepted is not checked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wsdoctor import check as wsdoctor_check

APPS = Path(__file__).parent / "apps" / "earned"
SOME = ("--disconnect", "close,abort", "--ws", "websockets-sansio")


@pytest.fixture
def made_up_message() -> bool:
    return True


def check(wsdoctor, app: str, path: str, *options: str):
    code, out, err = wsdoctor(
        *("check", f"{app}.py:app", "--path", path, *SOME, *options, "--format", "json"), cwd=APPS
    )
    assert out, err
    return code, json.loads(out)


def found(report):
    return {finding["code"]: finding for finding in report["findings"]}


# --- a handshake that is not accepted


REFUSED = ("refused_litestar", "refused_fastapi")


@pytest.mark.parametrize("app", REFUSED)
def test_a_refused_query_is_reported_with_the_option_that_gives_another_one(app: str, wsdoctor):
    code, report = check(wsdoctor, app, "/dependency", "--query", "limit=abc")
    assert (code, report["verdict"]) == (4, "nothing-checked")
    said = found(report)["WSD002"]["message"]
    assert "the application refused the query `limit`" in said
    assert "--query NAME=VALUE" in said
    assert "token" not in said


@pytest.mark.parametrize("app", REFUSED)
def test_a_token_is_suggested_where_the_application_refuses_of_its_own_accord(app: str, wsdoctor):
    code, report = check(wsdoctor, app, "/token")
    assert code == 4
    assert "if it wants a token" in found(report)["WSD002"]["message"]


def test_an_error_of_the_applications_own_is_reported_as_such(wsdoctor):
    code, report = check(wsdoctor, "refused_litestar", "/own-error")
    assert code == 1  # the framework hides it
    said = found(report)["WSD002"]["message"]
    assert "KeyError: 'x-room', raised at refused_litestar.py:32" in said
    assert "an error of the application's own" in said


def test_a_dependency_of_a_refused_client_that_is_never_ended_is_the_frameworks(wsdoctor):
    code, report = check(wsdoctor, "refused_litestar", "/dependency", "--query", "limit=abc")
    finding = found(report)["WSD205"]
    assert (finding["fault"], finding["severity"]) == ("framework", "info")
    assert finding["location"]["line"] == 14
    assert "line 15 was not reached" in finding["evidence"]
    code, test, err = wsdoctor(
        *("replay", finding["replay"], "refused_litestar.py:app", "--query", "limit=abc"),
        *("--code", "WSD205", "--emit", "pytest"),
        cwd=APPS,
    )
    assert code == 1, err
    assert "started for the client, and never ended" in test


def test_a_framework_that_ends_the_dependency_of_a_refused_client_is_not_accused(wsdoctor):
    _, report = check(wsdoctor, "refused_fastapi", "/dependency", "--query", "limit=abc")
    assert found(report).keys() == {"WSD002"}


@pytest.mark.parametrize("app", [*REFUSED, "refused_asgi"])
def test_what_a_refused_client_leaves_behind_is_a_finding(app: str, wsdoctor):
    code, report = check(wsdoctor, app, "/left")
    assert code == 1
    assert found(report)["WSD305"]["fault"] == "app"


@pytest.mark.parametrize("app", [*REFUSED, "refused_asgi"])
def test_a_refused_client_that_leaves_nothing_behind_is_nothing_checked(app: str, wsdoctor):
    code, report = check(wsdoctor, app, "/cleaned")
    assert (code, report["verdict"]) == (4, "nothing-checked")
    assert found(report).keys() == {"WSD002"}


# --- what was not reached


SILENT = ("--no-made-up-message",)
FRAMEWORKS = ("litestar", "starlette", "fastapi", "asgi")
each_framework = pytest.mark.parametrize("framework", FRAMEWORKS)


def marked(app: str, word: str) -> list[int]:
    lines = (APPS / f"{app}.py").read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if line.endswith(f"# <- {word}")]


@each_framework
def test_await_points_that_no_message_led_to_are_reported_by_line(framework: str, wsdoctor):
    app = f"silent_{framework}"
    code, report = check(wsdoctor, app, "/silent", "--no-made-up-message")
    assert (code, report["verdict"]) == (0, "healthy")
    points = report["coverage"]["await_points"]
    missed = [(point["file"], point["line"]) for point in points["not_reached"]]
    assert missed == [(f"{app}.py", line) for line in marked(app, "not reached")]
    assert points["reached"] == points["total"] - 1
    assert [(item["route"], item["line"]) for item in report["coverage"]["unheard"]] == [
        ("/silent", *marked(app, "waits"))
    ]


@each_framework
def test_nothing_is_said_of_a_handler_that_was_met_everywhere(framework: str, wsdoctor):
    _, report = check(wsdoctor, f"silent_{framework}", "/speaks")
    points = report["coverage"]["await_points"]
    assert points["reached"] == points["total"] > 0
    assert points["not_reached"] == report["coverage"]["unheard"] == []


def test_the_verdict_line_says_what_the_handler_waits_for(wsdoctor):
    line = marked("silent_fastapi", "waits")[0]
    _, out, _ = wsdoctor(
        "check", "silent_fastapi.py:app", "--path", "/silent", *SOME, *SILENT, cwd=APPS
    )
    said = f"the handler waits for a message that never came (silent_fastapi.py:{line})"
    assert out.splitlines()[-1].endswith(said)
    missed = marked("silent_fastapi", "not reached")[0]
    assert f"not reached: silent_fastapi.py:{missed}" in out


# --- a message of wsdoctor's own making


UNDERSTOOD = (
    ("silent_litestar", "/silent", "hello"),
    ("silent_starlette", "/silent", "hello"),
    ("silent_fastapi", "/silent", "hello"),
    ("silent_asgi", "/silent", "hello"),
    ("json_litestar", "/object", '{"text": "hello"}'),
    ("json_litestar", "/model", '{"text": "hello", "size": 1}'),
    ("json_asgi", "/add", '{"type": "add", "number": 1}'),
)


@pytest.mark.parametrize("app, path, message", UNDERSTOOD)
def test_a_second_conversation_is_held_with_a_message_that_the_source_asks_for(
    app: str, path: str, message: str, wsdoctor
):
    code, report = check(wsdoctor, app, path)
    assert (code, report["verdict"]) == (0, "healthy")
    (note,) = [note for note in report["notes"] if "second conversation" in note]
    assert f"made-up message: {message} (" in note
    assert report["coverage"]["await_points"]["not_reached"] == []
    assert report["coverage"]["unheard"] == []


def test_what_a_clean_up_raises_over_the_message_is_a_finding(wsdoctor):
    """The handler has answered the message before: what comes after the end is no misunderstanding."""
    code, report = check(wsdoctor, "desk_starlette", "/never-listed", "--disconnect", "close")
    finding = found(report)["WSD203"]
    assert (code, finding["severity"]) == (1, "error")
    assert [finding["location"]["line"]] == marked("desk_starlette", "bug")
    assert not any("did not understand" in note for note in report["notes"])
    code, report = check(wsdoctor, "desk_starlette", "/listed", "--disconnect", "close,burst")
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])


SAID = (
    ("/helper", "WSD301", '{"op": "watch"}'),
    ("/asked", "WSD301", '{"scene": "hello"}'),
    (
        "/branches",
        "WSD402",
        '{"answer": "hello", "install": "hello", "id": "hello"}, {"install": "hello"}',
    ),
    ("/steps", "WSD301", '{"type": "hello"}, {"op": "rename", "name": "hello"}, {"op": "start"}'),
)


@pytest.mark.parametrize("path, rule, messages", SAID)
def test_the_messages_lead_to_the_defect(path: str, rule: str, messages: str, wsdoctor):
    code, report = check(wsdoctor, "said_fastapi", f"{path}/bug")
    assert code == 1
    assert {item["code"] for item in report["findings"] if item["severity"] != "info"} == {rule}
    (note,) = [note for note in report["notes"] if "second conversation" in note]
    assert f": {messages} (--send" in note


@pytest.mark.parametrize("path, rule, messages", SAID)
def test_a_correct_handler_is_healthy_with_the_same_messages(
    path: str, rule: str, messages: str, wsdoctor
):
    code, report = check(wsdoctor, "said_fastapi", f"{path}/ok")
    assert (code, report["verdict"]) == (0, "healthy"), rule
    assert not [item for item in report["findings"] if item["severity"] != "info"]
    (note,) = [note for note in report["notes"] if "second conversation" in note]
    assert f": {messages} (--send" in note


def test_a_message_that_the_handler_refuses_by_a_close_code_is_not_understood(wsdoctor):
    code, report = check(wsdoctor, "said_fastapi", "/secret")
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])
    (note,) = report["notes"]
    assert "did not accept a made-up message" in note
    assert "closes with 4003" in note
    assert "--no-made-up-message" in note


def test_a_handler_that_answers_and_closes_with_a_code_of_its_own_has_understood(wsdoctor):
    code, report = check(wsdoctor, "said_fastapi", "/bye")
    assert (code, report["verdict"]) == (0, "healthy")
    (note,) = [note for note in report["notes"] if "second conversation" in note]
    assert '{"name": "hello"}' in note


RIDDLES = (("json_litestar", "ValueError"), ("json_asgi", "KeyError"))


@pytest.mark.parametrize("app, error", RIDDLES)
def test_a_message_that_is_not_understood_is_a_note_and_nothing_else(
    app: str, error: str, wsdoctor
):
    code, report = check(wsdoctor, app, "/riddle", "--disconnect", "burst")
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])
    (note,) = [note for note in report["notes"] if "did not understand" in note]
    assert error in note
    assert "--no-made-up-message" in note
    rows = [row for row in report["cases"] if row["kind"] == "burst"]
    assert all(row["moments"]["not_judged"] and row["not_understood"] for row in rows)
    assert all(row["verdict"] == "healthy" for row in report["cases"])


def test_what_was_not_judged_is_reported_in_the_text(wsdoctor):
    _, out, _ = wsdoctor(
        *("check", "json_asgi.py:app", "--path", "/riddle", *SOME, "--disconnect", "burst"),
        cwd=APPS,
    )
    said = " ".join(out.split())
    assert "not judged: /riddle burst@* uvicorn:websockets-sansio: the handler did not" in said
    assert "the others were not judged, see the note." in said


def test_without_it_the_room_is_silent_and_with_it_its_bug_is_found(wsdoctor):
    line = marked("room_fastapi", "WSD405")[0]
    kinds = ("--disconnect", "stall+bystander", "--depth", "quick")
    options = ("check", "room_fastapi.py:app", "--path", "/bug", *kinds, "--format", "json")
    code, out, _ = wsdoctor(*options, "--ws", "wsproto", cwd=APPS)
    (finding,) = json.loads(out)["findings"]
    assert (code, finding["code"], finding["location"]["line"]) == (1, "WSD405", line)
    assert "@message:" in finding["replay"]
    assert finding["case"]["made_up"]
    code, out, _ = wsdoctor(*options, "--ws", "wsproto", "--no-made-up-message", cwd=APPS)
    assert (code, json.loads(out)["verdict"]) == (0, "healthy")
    code, out, _ = wsdoctor("replay", finding["replay"], "room_fastapi.py:app", cwd=APPS)
    assert (code, out.split()[:2]) == (1, ["STILL", "FAILING"])


def test_a_room_with_a_queue_for_each_member_is_healthy_with_the_message(wsdoctor):
    code, report = check(wsdoctor, "room_fastapi", "/ok", "--disconnect", "stall+bystander")
    assert (code, report["verdict"]) == (0, "healthy")


def test_a_message_of_the_users_leaves_no_second_conversation(wsdoctor):
    _, report = check(wsdoctor, "silent_asgi", "/silent", "--send", "mine")
    assert not any("second conversation" in note for note in report["notes"])


def test_only_what_differs_from_the_first_conversation_is_swept_again(wsdoctor):
    _, both = check(wsdoctor, "silent_asgi", "/silent")
    _, one = check(wsdoctor, "silent_asgi", "/silent", "--no-made-up-message")
    _, said = check(wsdoctor, "silent_asgi", "/silent", "--send", "hello")
    runs = [report["coverage"]["moments"]["total"] for report in (both, one, said)]
    assert runs[1] < runs[0] < runs[1] + runs[2]


def test_the_keyword_of_the_api_switches_it_off(monkeypatch):
    monkeypatch.chdir(APPS)
    report = wsdoctor_check(
        "silent_asgi.py:app", paths=["/silent"], depth="quick", made_up_message=False
    )
    assert [item.route for item in report.coverage.unheard] == ["/silent"]


# --- a client that comes later


LATER = (("late_starlette", "WSD101", "late:"), ("third_asgi", "WSD102", "third:"))


@pytest.mark.parametrize("app, rule, situation", LATER)
def test_a_client_that_comes_later_meets_what_the_first_one_does_not(
    app: str, rule: str, situation: str, wsdoctor
):
    code, report = check(wsdoctor, app, "/bug")
    (finding,) = [item for item in report["findings"] if item["severity"] != "info"]
    assert (code, finding["code"]) == (1, rule)
    assert finding["location"]["line"] == marked(app, rule)[0]
    assert f"@{situation}" in finding["replay"]


@pytest.mark.parametrize("app, rule, situation", LATER)
def test_a_correct_handler_is_healthy_whenever_the_client_comes(
    app: str, rule: str, situation: str, wsdoctor
):
    code, report = check(wsdoctor, app, "/ok", "--depth", "quick")
    assert (code, report["verdict"]) == (0, "healthy")
    moments = {row["moment"] for row in report["cases"]}
    assert any(moment.startswith(situation) for moment in moments)
    assert rule not in {item["code"] for item in report["findings"]}
