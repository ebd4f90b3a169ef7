"""WSD202 disconnect-in-exception-group: the disconnect left wrapped by a task group (PEP 654)."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import NOTHING_LEFT, WATCHED, check
from wsdoctor.diagnosis.exceptions import ids, is_disconnect, is_group, is_os_error, leaves, name
from wsdoctor.diagnosis.finding import Fault
from wsdoctor.diagnosis.location import place_of, raised_at, where
from wsdoctor.diagnosis.logged import Traceback
from wsdoctor.diagnosis.remedy_context import library_of_group
from wsdoctor.diagnosis.rule import ORIGIN, Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import worded
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import ExceptionInfo, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    for escape in connection.escapes:
        error = escape.error
        if not is_group(error):
            continue
        inside = [
            leaf for leaf in leaves(error) if is_disconnect(leaf) or leaf.id in connection.refusals
        ]
        if not inside:
            continue
        place = place_of(connection, error)
        # Only the library itself could know of a send that lost the race within its own group.
        ours = place is not None and (
            _is_entered_by_user(error) or any(leaf.id not in connection.refusals for leaf in inside)
        )
        logged = bool(ids(error) & connection.logged)
        said = []
        for leaf in inside[:3]:
            origin = raised_at(leaf)
            said.append(
                f"it holds {name(leaf)}" + (f", raised at {where(origin)}" if origin else "")
            )
        yield Occurrence(
            code=RULE.code,
            message=f"{_group(place, ours=ours)} wraps the disconnect in {error.type.rpartition('.')[2]}, which leaves the "
            f"handler: {_uncaught(connection, place)}",
            place=place,
            severity="error" if logged else "warning",
            mark="logged" if logged else "masked",
            index=escape.index,
            fault=_fault(connection, inside, ours=ours),
            evidence=(f"the {escape.boundary} got {name(error)}", *dict.fromkeys(said)),
            explains=ids(error),
            blamed_on=connection.violation_errors & ids(error),
            setting=library_of_group(error),
        )
        return


def _fault(connection: Connection, inside: list[ExceptionInfo], *, ours: bool) -> Fault:
    """The fault: the server's if it refused a send by another exception than OSError, which no code can expect."""
    if all(leaf.id in connection.refusals and not is_os_error(leaf) for leaf in inside):
        return "server"
    return "app" if ours else "framework"


def _is_entered_by_user(error: ExceptionInfo) -> bool:
    """Whether the user's own ``async with`` raised the group, rather than a library's inside a call."""
    last = max((index for index, frame in enumerate(error.stack) if frame.user), default=None)
    if last is None or last + 1 == len(error.stack):
        return True
    return error.stack[last + 1].function.endswith("__aexit__")


def _uncaught(connection: Connection, place: StackFrame | None) -> str:
    guards = [guard for guard in read(connection, place).guards if "WebSocketDisconnect" in guard]
    if guards:
        return f"the `except {guards[0]}` around it does not match a group"
    return "`except WebSocketDisconnect` does not catch it"


def _group(place: StackFrame | None, *, ours: bool) -> str:
    if ours:
        return f"the task group at {where(place)}"
    return "a task group of the framework's" + (f", below {where(place)}," if place else "")


_REFUSED = (
    "Catch it around the group with `except*`, which takes the OSError of a refused send out of the group "
    "and passes on whatever else is in it: servers ignore it, but not inside a group."
)
_GROUP = """
    try:
        async with asyncio.TaskGroup() as group:
            ...
    except* OSError:
        pass
"""
_GROUP_OF_ANYIO = """
    try:
        async with anyio.create_task_group() as group:
            ...
    except* OSError:
        pass
"""

RULE = Rule(
    code="WSD202",
    name="disconnect-in-exception-group",
    summary="WebSocketDisconnect left the handler wrapped in an ExceptionGroup by a task group",
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="the disconnect escapes in an exception group",
    why=(
        "A task group wraps what its tasks raise in an ExceptionGroup, and `except "
        "WebSocketDisconnect` does not match that. The framework takes the normal end of a "
        "connection for a crash: Litestar closes with code 4500, Starlette and FastAPI let the "
        "server log it as an error, for every client that leaves."
    ),
    silence="Never: the group also hides the errors that are in it beside the disconnect.",
    remedies={
        **worded(
            "",
            {
                "": "Catch it around the group with `except*`, which takes the disconnect out of the group "
                "and passes on whatever else is in it. The task that listens comes first: Starlette does "
                "not let it begin to read once a send has failed.",
                "litestar": "Catch it around the group with `except*`, which takes the disconnect out of the group "
                "and passes on whatever else is in it. OSError stands beside it for a send that loses "
                "the race with the disconnect: servers ignore it, but not inside a group.",
                **dict.fromkeys(("asgi", "quart", "channels"), _REFUSED),
            },
            {
                "": """
                    try:
                        async with asyncio.TaskGroup() as group:
                            group.create_task(receive(websocket))
                            group.create_task(send(websocket))
                    except* WebSocketDisconnect:
                        pass
                """,
                "litestar": """
                    try:
                        async with asyncio.TaskGroup() as group:
                            group.create_task(send(socket))
                            group.create_task(receive(socket))
                    except* (WebSocketDisconnect, OSError):
                        pass
                """,
                **dict.fromkeys(("asgi", "quart", "channels"), _GROUP),
            },
        ),
        **worded(
            "anyio",
            {
                "": "Catch it around the group with `except*`, which takes the disconnect out of the group "
                "and passes on whatever else is in it. The task that listens comes first: Starlette does "
                "not let it begin to read once a send has failed.",
                "litestar": "Catch it around the group with `except*`, which takes the disconnect out of the group "
                "and passes on whatever else is in it. OSError stands beside it for a send that loses "
                "the race with the disconnect: servers ignore it, but not inside a group.",
                **dict.fromkeys(("asgi", "quart", "channels"), _REFUSED),
            },
            {
                "": """
                    try:
                        async with anyio.create_task_group() as group:
                            group.start_soon(receive, websocket)
                            group.start_soon(send, websocket)
                    except* WebSocketDisconnect:
                        pass
                """,
                "litestar": """
                    try:
                        async with anyio.create_task_group() as group:
                            group.start_soon(send, socket)
                            group.start_soon(receive, socket)
                    except* (WebSocketDisconnect, OSError):
                        pass
                """,
                **dict.fromkeys(("asgi", "quart", "channels"), _GROUP_OF_ANYIO),
            },
        ),
    },
    detect=detect,
    links=(ORIGIN, "https://docs.python.org/3/library/asyncio-task.html#task-groups"),
    rank=70,
    breaks_off=True,
    checks={
        "": check(
            "escapes refusals",
            WATCHED,
            "left_it = [e for e in tap.escaped if e not in tap.refused]",
            NOTHING_LEFT,
        ),
    },
    tracebacks=(
        Traceback(
            shape="send failed in a group",
            means="a send failed because the client was gone",
            also=("WSD201",),
        ),
        Traceback(
            shape="disconnect in a group",
            means="the disconnect left the handler in an ExceptionGroup",
            also=("WSD201",),
        ),
    ),
)
