"""The made-up messages follow tables of functions, models and other files to a defect; a correct handler stays healthy."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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


def grave(report):
    return {
        finding["code"]: finding["location"]["line"]
        for finding in report["findings"]
        if finding["severity"] != "info"
    }


def second_conversation(report) -> str:
    (note,) = [note for note in report["notes"] if "second conversation" in note]
    return note


def marked(app: str, word: str) -> list[int]:
    lines = (APPS / f"{app}.py").read_text(encoding="utf-8").splitlines()
    return [number for number, line in enumerate(lines, 1) if line.endswith(f"# <- {word}")]


SAID = (
    (
        "/table",
        '{"op": "say", "text": "hello", "room": "hello"}, {"op": "join", "room": "hello"} (',
    ),
    ("/union", '{"op": "say", "text": "hello"}, {"op": "join", "room": 1} ('),
)


@pytest.mark.parametrize("path, messages", SAID)
def test_a_defect_of_one_branch_is_found_with_its_line(path: str, messages: str, wsdoctor):
    code, report = check(wsdoctor, "tables_fastapi", f"{path}/bug")
    assert f": {messages}" in second_conversation(report)
    assert (code, grave(report)) == (1, {"WSD301": marked("tables_fastapi", "WSD301")[0]})


@pytest.mark.parametrize("path, messages", SAID)
def test_a_correct_handler_with_the_same_branches_is_healthy(path: str, messages: str, wsdoctor):
    code, report = check(wsdoctor, "tables_fastapi", f"{path}/ok")
    assert f": {messages}" in second_conversation(report)
    assert (code, report["verdict"], grave(report)) == (0, "healthy", {})
    assert report["coverage"]["await_points"]["not_reached"] == []


def test_a_dictionary_of_values_is_no_table_of_functions(wsdoctor):
    code, report = check(wsdoctor, "tables_fastapi", "/values", "--depth", "quick")
    assert 'a made-up message: {"item": "tea"} (' in second_conversation(report)
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])


def test_a_model_that_refuses_the_message_is_a_note_and_nothing_else(wsdoctor):
    code, report = check(wsdoctor, "tables_fastapi", "/riddle", "--depth", "quick")
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])
    (note,) = [note for note in report["notes"] if "did not understand" in note]
    assert '{"kind": "riddle", "answer": "hello"}' in note
    assert "ValidationError" in note


def test_a_handler_that_tells_the_client_of_a_refused_message_is_healthy(wsdoctor):
    code, report = check(wsdoctor, "tables_fastapi", "/riddle/told", "--depth", "quick")
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])
    assert '{"kind": "riddle", "answer": "hello"}' in second_conversation(report)


def test_the_methods_that_a_message_names_are_followed_to_what_they_start(wsdoctor):
    code, report = check(wsdoctor, "started_anyio", "/bug")
    assert (code, grave(report)) == (1, {"WSD301": marked("started_anyio", "WSD301")[0]})
    code, report = check(wsdoctor, "started_anyio", "/ok")
    assert (code, report["verdict"], grave(report)) == (0, "healthy", {})
    missed = report["coverage"]["await_points"]["not_reached"]
    assert [point["line"] for point in missed] == marked("started_anyio", "not reached")


FIRST = [("limited", '{"token": "sesame"}'), ("task", '{"op": "remind", "text": "hello"}')]


@pytest.mark.parametrize("route, message", FIRST)
def test_a_reader_with_a_time_limit_and_one_in_a_task_are_spoken_to(route, message, wsdoctor):
    app = "first_message_starlette"
    code, report = check(wsdoctor, app, f"/{route}/bug")
    assert message in second_conversation(report)
    assert (code, grave(report)) == (1, {"WSD301": marked(app, route)[0]})
    code, report = check(wsdoctor, app, f"/{route}/ok")
    assert message in second_conversation(report)
    assert (code, report["verdict"], grave(report)) == (0, "healthy", {})
