"""WSD201 unhandled-disconnect: WebSocketDisconnect left the handler, its lifespan or its task."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import place_of, raised_at, read, subject, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import ids, is_disconnect, is_group, name
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.recording.events import ExceptionInfo, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    for escape in connection.escapes:
        error = escape.error
        if is_group(error) or not is_disconnect(error):
            continue
        place = place_of(connection, error)
        logged = bool(ids(error) & connection.logged)
        yield Occurrence(
            code=RULE.code,
            message=_sentence(connection, place, error),
            place=place,
            severity="error" if logged else "warning",
            mark="logged" if logged else "masked",
            index=escape.index,
            fault="app" if place is not None else "framework",
            evidence=_evidence(connection, place, error, escape.boundary),
            explains=ids(error),
            blamed_on=(connection.violation_errors | connection.refusals) & ids(error),
        )
        return


def _sentence(connection: Connection, place: StackFrame | None, error: ExceptionInfo) -> str:
    line = read(connection, place)
    who, at = subject(connection, place), where(place)
    if line.awaited and line.cancelled_after:
        return (
            f"{who} awaits `{line.awaited}` at {at} before it cancels it: it waits until the task's next send fails, "
            "and that WebSocketDisconnect leaves through this line"
        )
    if line.awaited:
        return f"{who} awaits `{line.awaited}` at {at}, and the WebSocketDisconnect that it ended with leaves through this line"
    if line.is_yield:
        return f"`yield` at {at} is not inside `except WebSocketDisconnect`, so the disconnect passes through {who}"
    return f"{who} lets the WebSocketDisconnect of {at} out: nothing around it catches it"


def _evidence(
    connection: Connection, place: StackFrame | None, error: ExceptionInfo, boundary: str
) -> tuple[str, ...]:
    said = [f"{name(error)} reached the {boundary}"]
    origin = raised_at(error)
    if origin is not None and origin != place:
        said.append(f"it was raised by the send at {where(origin)}")
    if connection.teardown is not None and connection.teardown > connection.recording.grace:
        said.append(f"the handler ended {seconds(connection.teardown)} after the connection did")
    return tuple(said)


RULE = Rule(
    code="WSD201",
    name="unhandled-disconnect",
    summary="WebSocketDisconnect left the handler, its lifespan or its task",
    why=(
        "A client that leaves is the normal end of a connection, not an error. When the disconnect escapes, the framework "
        "answers it with a second `websocket.close`, the legacy server logs a traceback for every client that leaves, "
        "alarms go off, and whatever was to be cleaned up after that line is not. A default uvicorn since 0.50 says nothing."
    ),
    silence="If you want the framework to see every disconnect (to count them, say), ignore it for that handler.",
    remedies={
        "": "Catch the disconnect where the handler waits, cancel first, then await, and expect how the task may have ended:\n\n"
        "    try:\n        await receive_until_the_end(websocket)\n    except WebSocketDisconnect:\n        pass\n"
        "    finally:\n        task.cancel()\n        await asyncio.gather(task, return_exceptions=True)",
        "litestar": "Catch the disconnect around the `yield`, cancel first, then await, and expect how the task may have ended:\n\n"
        "    task = asyncio.create_task(stream(socket))\n    try:\n        yield\n    except WebSocketDisconnect:\n        pass\n"
        "    finally:\n        task.cancel()\n        await asyncio.gather(task, return_exceptions=True)",
    },
    detect=detect,
)
