"""Incidents that come as JSON: log records of structlog, Loguru and others, events of Sentry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from wsdoctor.triage.boxes import begins_in
from wsdoctor.triage.incident import Incident, incident_of, path_in, time_in
from wsdoctor.triage.lines import cleaned, record_in, strings
from wsdoctor.triage.signatures import signature_of
from wsdoctor.triage.traceback import Frame, Raised

_SCOPE = re.compile(r"'type': 'websocket'.*?'path': '(?P<path>[^']+)'", re.DOTALL)
"""The scope of a WebSocket connection, among the local variables of a frame."""


def incidents_of(record: dict[str, Any]) -> Iterator[Incident]:
    """The incidents in ``record`` that may be of this family: in an event, or in a log record with a whole traceback."""
    if _is_event(record):
        yield from _event(record)
        return
    if raised := _dict_tracebacks(record):
        said = "\n".join(strings(_without_frames(record)))
        scope = next(
            (match["path"] for text in strings(record) if (match := _SCOPE.search(text))), ""
        )
        path = _path(record) or scope or path_in(said)
        connection = bool(scope) or _is_about_websocket(record)
        yield Incident(raised, said, time_in(said), path, websocket=connection)
        return
    texts = [*map(cleaned, strings(record))]
    for text in texts:
        if text.lstrip().startswith("{") and (inner := record_in(text)):
            yield from incidents_of(inner)  # a collector has wrapped the application's own record
            return
    said = "\n".join(text for text in texts if "Traceback" not in text)
    for text in texts:
        lines = text.splitlines()
        begin = next((number for number, line in enumerate(lines) if begins_in(line)), None)
        if begin is not None and (found := incident_of(lines[begin:])):
            around = "\n".join((said, *lines[:begin]))
            yield replace(
                found,
                said=around,
                time=time_in(around),
                path=_path(record) or path_in(around),
                websocket=_is_about_websocket(record),
            )
            return


def _is_about_websocket(record: dict[str, Any]) -> bool:
    """Whether the record itself says so, as Litestar's do."""
    return record.get("connection_type") == "websocket"


def _path(record: dict[str, Any]) -> str:
    """The path that the record itself names, as Litestar's do."""
    path = record.get("path")
    known = isinstance(path, str) and path.startswith("/") and not path.endswith(".py")
    return str(path) if known else ""


# --- structlog


def _dict_tracebacks(value: Any) -> tuple[Raised, ...]:
    """What structlog's ``dict_tracebacks`` writes: the last exception first, members of groups within."""
    if isinstance(value, dict):
        for item in value.values():
            if found := _dict_tracebacks(item):
                return found
    elif (
        isinstance(value, list) and value and isinstance(value[0], dict) and "exc_type" in value[0]
    ):
        return tuple(raised for item in reversed(value) for raised in _exceptions(item))
    return ()


def _exceptions(item: Any) -> Iterator[Raised]:
    if not isinstance(item, dict):
        return
    frames = [
        Frame(
            str(frame.get("filename", "")), _number(frame.get("lineno")), str(frame.get("name", ""))
        )
        for frame in item.get("frames") or ()
        if isinstance(frame, dict)
    ]
    yield Raised(str(item.get("exc_type", "")), str(item.get("exc_value", "")), frames)
    for member in item.get("exceptions") or ():
        for inner in reversed(member) if isinstance(member, list) else ():
            yield from _exceptions(inner)


def _without_frames(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_frames(item) for key, item in value.items() if key != "frames"}
    return [_without_frames(item) for item in value] if isinstance(value, list) else value


# --- Sentry


def _is_event(record: dict[str, Any]) -> bool:
    """Whether ``record`` is an event: as the SDKs send it, or as the API gives it."""
    if "values" in _dict(record.get("exception")):
        return True
    return ("event_id" in record and isinstance(record.get("logentry"), dict)) or (
        "eventID" in record and isinstance(record.get("entries"), list)
    )


def _event(event: dict[str, Any]) -> Iterator[Incident]:
    entries = {
        entry.get("type"): entry.get("data")
        for entry in _dicts(event.get("entries"))
        if isinstance(entry.get("data"), dict)
    }
    values = _values(event.get("exception") or entries.get("exception"))
    raised = tuple(
        Raised(
            ".".join(filter(None, (_text(value.get("module")), _text(value.get("type"))))),
            _text(value.get("value")),
            [_frame(frame) for frame in _dicts(_dict(value.get("stacktrace")).get("frames"))],
        )
        for value in values
    )
    request = _dict(event.get("request") or entries.get("request"))
    crumbs = _values(event.get("breadcrumbs") or entries.get("breadcrumbs"))
    message = _message(event, entries)
    connection = _is_websocket(request)
    path = _event_path(event, request) if connection else ""
    if not request:
        path = path_in("\n".join(_text(crumb.get("message")) for crumb in crumbs))
    time = _event_time(event)
    if raised:
        yield Incident(raised, message, time, path, websocket=connection)
    elif signature_of(message, incidents=True) and (
        found := incident_of(cleaned(message).splitlines())
    ):
        yield replace(found, time=time, path=path, websocket=connection)


def _message(event: dict[str, Any], entries: dict[Any, Any]) -> str:
    for holder in (event.get("logentry"), entries.get("message"), event):
        if isinstance(holder, dict):
            for key in ("formatted", "message", "title"):
                if isinstance(holder.get(key), str) and holder[key].strip():
                    return str(holder[key])
    return ""


def _values(holder: Any) -> list[dict[str, Any]]:
    return _dicts(holder.get("values") if isinstance(holder, dict) else holder)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _frame(frame: dict[str, Any]) -> Frame:
    """The API writes camelCase, the SDKs snake_case."""
    outside = frame.get("in_app", frame.get("inApp")) is False
    return Frame(
        _text(frame.get("abs_path") or frame.get("absPath") or frame.get("filename")),
        _number(frame.get("lineno") or frame.get("lineNo")),
        _text(frame.get("function")).rpartition(".")[2],
        source=_text(frame.get("context_line")).strip(),
        library=outside or None,
    )


def _is_websocket(request: dict[str, Any]) -> bool:
    headers = request.get("headers")
    pairs = headers.items() if isinstance(headers, dict) else headers or ()
    return _text(request.get("url")).startswith(("ws:", "wss:")) or any(
        len(pair) == 2 and str(pair[0]).lower() == "upgrade" and str(pair[1]).lower() == "websocket"  # noqa: PLR2004 - a name and a value
        for pair in pairs
        if isinstance(pair, tuple | list)
    )


def _event_path(event: dict[str, Any], request: dict[str, Any]) -> str:
    """The route, where the transaction is named by it; else the path of the request."""
    transaction = event.get("transaction")
    if isinstance(transaction, str) and transaction.startswith("/"):
        return transaction
    try:
        return urlsplit(_text(request.get("url"))).path
    except ValueError:
        return ""


def _event_time(event: dict[str, Any]) -> str:
    for key in ("timestamp", "datetime", "dateCreated"):
        value = event.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            try:
                return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S")
            except (ValueError, OverflowError, OSError):
                continue
        if isinstance(value, str) and (time := time_in(value)):
            return time
    return ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
