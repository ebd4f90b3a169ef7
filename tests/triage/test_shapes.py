"""The same three errors, as loggers and frameworks write them and as collectors wrap them.

The logs beside this file are of software that people run; ``logs/make.py`` wrote them. Each has the errors of
two WebSocket connections, and a KeyError of an HTTP request, which is none of this family.
"""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from wsdoctor.triage.causes import triage
from wsdoctor.triage.classify import reading_of, users_frame
from wsdoctor.triage.reader import incidents

LOGS = Path(__file__).parent / "logs"
STYLES = sorted(path.stem for path in LOGS.glob("*.log"))
SHOP = "/app/src/shop.py"
CLOSES = ("WSD101", SHOP, 23)
CALLBACK = ("WSD207", SHOP, 46)
GROUP = ("WSD202", SHOP, 35)


def found(log: bytes | str) -> list[tuple[str, str, int]]:
    """The likeliest rule of each incident that is about a WebSocket for sure, and the user's line."""
    rows = []
    for incident in incidents(io.BytesIO(log.encode() if isinstance(log, str) else log)):
        reading = reading_of(incident)
        if reading is not None and reading.sure:
            frame = users_frame(incident, reading)
            rows.append((reading.codes[0], frame.file if frame else "", frame.line if frame else 0))
    return rows


def others(log: bytes | str) -> int:
    data = log.encode() if isinstance(log, str) else log
    return triage(incidents(io.BytesIO(data))).others


def text_of(style: str) -> str:
    return (LOGS / f"{style}.log").read_text(encoding="utf-8")


@pytest.mark.parametrize("style", STYLES)
def test_what_loggers_write(style):
    log = text_of(style)
    assert found(log) == [CLOSES, CALLBACK, GROUP]
    assert others(log) == 1


@pytest.mark.parametrize("style", STYLES)
def test_the_route_and_the_time_are_read_too(style):
    causes = triage(incidents(io.BytesIO(text_of(style).encode()))).causes
    paths = {cause.code: set(cause.paths) for cause in causes if cause.code != "WSD103"}
    assert paths["WSD101"] == {"/prices"}
    assert paths["WSD202"] == {"/group"}
    if style != "uvicorn" and "rich" not in style:  # no times, or only the first of a second
        assert all(":" in cause.first for cause in causes)


# --- what is put around each line


def docker(line: str, number: int) -> str:
    record = {"log": f"{line}\n", "stream": "stderr", "time": f"2026-11-29T22:05:09.{number:09}Z"}
    return json.dumps(record, ensure_ascii=False)


def docker_of_two_streams(line: str, number: int) -> str:
    access = {"log": "GET /health 200\n", "stream": "stdout", "time": "2026-11-29T22:05:09.0Z"}
    return f"{docker(line, number)}\n{json.dumps(access)}"


def journald(line: str, number: int) -> str:
    return json.dumps({"__REALTIME_TIMESTAMP": str(number), "_PID": "17", "MESSAGE": line})


def journald_of_two_processes(line: str, number: int) -> str:
    other = json.dumps({"_PID": "18", "MESSAGE": "Traceback (most recent call last):"})
    return f"{journald(line, number)}\n{other}"


def fluent(line: str, number: int) -> str:
    return json.dumps({"date": number, "log": line, "kubernetes": {"pod_name": "shop-7d9f"}})


def cloud_logging(line: str, number: int) -> str:
    return json.dumps({"textPayload": line, "insertId": str(number), "severity": "ERROR"})


WRAPPED = {
    "docker json-file": docker,
    "docker json-file, two streams": docker_of_two_streams,
    "journald": journald,
    "journald, two processes": journald_of_two_processes,
    "fluent bit": fluent,
    "cloud logging": cloud_logging,
    "cri": lambda line, number: f"2026-11-29T22:05:09.{number:09}Z stderr F {line}",
    "compose": lambda line, number: f"\x1b[36mweb-1  | \x1b[0m{line}",
    "kubectl": lambda line, number: f"[pod/shop-7d9f-x2k/web] {line}",
    "syslog": lambda line, number: f"Nov 29 22:05:0{number % 10} web1 shop[17]: {line}",
    "two replicas": lambda line, number: f"web-1  | {line}\nweb-2  | {line}",
    "a mail": lambda line, number: f"> {line}",
    "an issue": lambda line, number: f"        {line}",
    "carriage returns": lambda line, number: f"{line}\r",
}
PLAIN = ["logging", "structlog", "rich", "rich-colour", "loguru"]


@pytest.mark.parametrize("style", PLAIN)
@pytest.mark.parametrize("wrapped", WRAPPED)
def test_what_collectors_put_around_each_line(wrapped, style):
    lines = text_of(style).splitlines()
    log = "".join(f"{WRAPPED[wrapped](line, number)}\n" for number, line in enumerate(lines))
    times = 2 if wrapped == "two replicas" else 1
    assert sorted(found(log)) == sorted([CLOSES, CALLBACK, GROUP] * times)
    assert others(log) == times


@pytest.mark.parametrize(
    "style", ["structlog-json", "structlog-dict", "json-logger", "loguru-json"]
)
@pytest.mark.parametrize("wrap", [docker, cloud_logging])
def test_json_lines_within_json_lines(wrap, style):
    lines = text_of(style).splitlines()
    log = "\n".join(wrap(line, number) for number, line in enumerate(lines))
    assert found(log) == [CLOSES, CALLBACK, GROUP]
    assert others(log) == 1


def test_a_log_of_which_all_indentation_was_taken_away():
    lines = text_of("logging").splitlines()
    log = "".join(f"Nov 29 22:05:09 shop web.1 {line.lstrip()}\n" for line in lines)
    assert found(log) == [CLOSES, CALLBACK, GROUP]


def test_a_traceback_that_was_copied_without_the_indentation_of_its_first_line():
    header, *rest = text_of("uvicorn").partition("Traceback")[2].splitlines()
    log = "\n".join((f"Traceback{header}", *(f"      {line}" for line in rest)))
    assert found(log)[0] == CLOSES


def test_python_from_3_13_on_colours_its_tracebacks():
    log = text_of("uvicorn")
    log = re.sub(
        r'File ("[^"]+"), line (\d+)', "File \x1b[35m\\1\x1b[0m, line \x1b[35m\\2\x1b[0m", log
    )
    log = re.sub(
        r"^([\w.]+Error|[\w.]+Disconnect)", "\x1b[1;35m\\1\x1b[0m", log, flags=re.MULTILINE
    )
    assert found(log) == [CLOSES, CALLBACK, GROUP]


# --- exports that are one JSON document


def events() -> list[dict[str, Any]]:
    return [json.loads(line) for line in text_of("sentry").splitlines() if line.startswith("{")]


def as_the_api_gives_it(event: dict[str, Any]) -> dict[str, Any]:
    """Sentry's "Retrieve an Event": camelCase, and everything in ``entries``."""

    def frame(one: dict[str, Any]) -> dict[str, Any]:
        return {
            "filename": one["filename"],
            "absPath": one["abs_path"],
            "function": one["function"],
            "lineNo": one["lineno"],
            "inApp": one.get("in_app", True),
        }

    values = [
        {**value, "stacktrace": {"frames": [frame(one) for one in value["stacktrace"]["frames"]]}}
        for value in event["exception"]["values"]
    ]
    return {
        "eventID": event["event_id"],
        "dateCreated": event["timestamp"],
        "title": event["logentry"]["message"],
        "entries": [
            {"type": "breadcrumbs", "data": event["breadcrumbs"]},
            {"type": "exception", "data": {"values": values}},
            {"type": "message", "data": {"formatted": event["logentry"]["message"]}},
        ],
    }


@pytest.mark.parametrize("shape", [lambda event: event, as_the_api_gives_it], ids=["sdk", "api"])
@pytest.mark.parametrize("indent", [None, 2])
def test_events_of_sentry(shape, indent):
    log = json.dumps([shape(event) for event in events()], indent=indent)
    assert found(log) == [CLOSES, CALLBACK, GROUP]
    assert others(log) == 1
    first = json.dumps(shape(events()[0]), indent=indent)
    assert found(first) == [CLOSES]


def test_an_event_of_sentry_tells_by_its_request_whether_it_is_about_a_websocket():
    *_, event = events()
    assert found(json.dumps(event)) == []
    event["request"] = {"url": "wss://shop.example/rooms/5?token=x"}
    event["transaction"] = "/rooms/{room}"
    (cause,) = triage(incidents(io.BytesIO(json.dumps(event).encode()))).causes
    assert (cause.code, dict(cause.paths)) == ("WSD602", {"/rooms/{room}": 1})


def test_an_event_whose_parts_are_broken_is_read_as_far_as_it_goes():
    values = [{"type": "KeyError", "stacktrace": "none"}]
    event = {"exception": {"values": values}, "request": {"url": "ws://[", "headers": "none"}}
    (cause,) = triage(incidents(io.BytesIO(json.dumps(event).encode()))).causes
    assert (cause.code, cause.raised, dict(cause.paths)) == ("WSD602", "KeyError", {})


def test_an_event_without_an_exception():
    event = {
        "event_id": "1",
        "timestamp": 1795986809.5,
        "logentry": {
            "formatted": "Task was destroyed but it is pending!\n"
            "task: <Task pending coro=<pump() running at /app/src/shop.py:12>>"
        },
    }
    (cause,) = triage(incidents(io.BytesIO(json.dumps(event).encode()))).causes
    assert (cause.code, cause.file, cause.line) == ("WSD303", SHOP, 12)
    assert cause.first == "2026-11-29 21:13:29"


def test_a_record_that_has_an_identifier_of_its_own_is_no_event():
    log = json.dumps({"event_id": "7", "message": "failed", "exc_info": text_of("uvicorn")})
    assert found(log)[0] == CLOSES


def test_what_litestar_and_structlog_say_of_a_connection():
    record = {
        "event": "Uncaught exception",
        "connection_type": "websocket",
        "path": "/rooms/5",
        "exception": [
            {
                "exc_type": "KeyError",
                "exc_value": "'a'",
                "frames": [{"filename": SHOP, "lineno": 20, "name": "prices"}],
            }
        ],
    }
    (cause,) = triage(incidents(io.BytesIO(json.dumps(record).encode()))).causes
    assert (cause.code, cause.line, dict(cause.paths)) == ("WSD602", 20, {"/rooms/5": 1})
    record["connection_type"] = "http"
    assert found(json.dumps(record)) == []


def test_an_export_of_lines():
    lines = text_of("logging").splitlines()
    rows = [{"timestamp": number, "message": line} for number, line in enumerate(lines)]
    log = json.dumps({"events": rows, "nextForwardToken": "f/1"}, indent=2)
    assert found(log) == [CLOSES, CALLBACK, GROUP]


@pytest.mark.parametrize(
    "log",
    [
        "[",
        "{",
        '{"a": [1, 2',
        "[2026-11-25 04:00:00 +0000] [17] [INFO] Booting worker\n",
        '{"event_id": 1, "exception": {"values": [null, {"stacktrace": null}]}}',
        '{"event_id": "1", "exception": {"values": "none"}, "request": 5, "breadcrumbs": [1]}',
        '{"exception": [{"exc_type": "X", "frames": [7, {"lineno": "x"}], "exceptions": [[1], 2]}]}',
        '{"log": 5, "stream": null}\n' * 3,
        "[]",
        '[{"log": "Traceback (most recent call last):\\n"}]',
        "╭─ Traceback (most recent call last) ─╮",
        "╭─ Traceback (most recent call last) ─╮\n│ /app/x.py:3 in f │\n╰──╯\n",
        "[" * 100_000,
        '{"a": ' * 900 + '"RuntimeError: Unexpected ASGI message"' + "}" * 900,
    ],
)
def test_what_is_broken_is_no_incident_and_no_traceback_of_ours(log):
    assert found(log) == []


def test_a_document_that_is_longer_than_one_read():
    event = events()[0]
    event["extra"] = {"padding": "x" * 600_000}
    assert found(json.dumps(event, indent=1)) == [CLOSES]


def test_a_box_with_local_variables_may_be_longer_than_other_tracebacks():
    lines = text_of("structlog-rich").splitlines(keepends=True)
    inner = next(number for number, line in enumerate(lines) if "receive_text" in line)
    side = "\x1b[31m│\x1b[0m "
    lines.insert(inner + 1, f"{side}│ items = {'x' * 400}{side}\n" * 1000)
    assert found("".join(lines)) == [CLOSES, CALLBACK, GROUP]
