"""WSD501 cancelled-error-escapes: CancelledError left the handler though nothing cancelled it."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import ESCAPED
from wsdoctor.diagnosis.exceptions import ids, is_cancelled, leaves
from wsdoctor.diagnosis.location import place_of, subject, where
from wsdoctor.diagnosis.logged import Signature, Traceback
from wsdoctor.diagnosis.remedy_context import cancelled_by_user
from wsdoctor.diagnosis.rule import ORIGIN, Occurrence, Rule, at_the_same_place
from wsdoctor.diagnosis.rules._remedies import WHY_WAIT, remedy
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import CancelRequested, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.cancelled_from_outside:
        return
    for escape in connection.escapes:
        if not any(is_cancelled(leaf) for leaf in leaves(escape.error)):
            continue
        error = escape.error
        place = place_of(connection, error)
        line = read(connection, place)
        logged = bool(ids(error) & connection.logged)
        asked = _cancelled_before(connection, escape.index)
        canceller = _canceller(connection, escape.index)
        evidence = "nothing cancelled the handler's own task"
        if line.awaited and line.cancelled_before:
            message = (
                f"{subject(connection, place)} awaits `{line.awaited}` at {where(place)} after cancelling it: that raises "
                "the task's CancelledError, and nothing catches it"
            )
        elif canceller is not None:
            place = canceller
            message = (
                f"{subject(connection, place)} cancels the handler's own task at {where(place)}: the CancelledError "
                "leaves the handler, as if the server had cancelled it"
            )
            evidence = "the server did not cancel it"
        elif line.expression and asked:
            whose = " and ".join(f"`{name}`" for name in sorted({name for name, _ in asked}))
            message = (
                f"{subject(connection, place)} awaits `{line.expression}` at {where(place)} after {whose} was cancelled at "
                f"{asked[-1][1]}: that raises the task's CancelledError, and nothing catches it"
            )
        else:
            message = f"a CancelledError leaves {subject(connection, place)} at {where(place)}, though nothing cancelled the handler"
        yield Occurrence(
            code=RULE.code,
            message=message,
            place=place,
            severity="error" if logged else "warning",
            mark="logged" if logged else "masked",
            index=escape.index,
            fault="app" if place is not None else "framework",
            evidence=(
                evidence,
                f"CancelledError reached the {escape.boundary}",
            ),
            explains=ids(error),
            setting="several" if len(asked) > 1 and not line.awaited else "",
        )
        return


def _cancelled_before(connection: Connection, index: int) -> list[tuple[str, str]]:
    """The tasks that the user's code had cancelled before event ``index``, with the lines."""
    before = connection.events[:index]
    return [
        (connection.tasks[event.task].coroutine.rpartition(".")[2], where(event.stack[-1]))
        for event in cancelled_by_user(connection)
        if event in before
    ]


def _canceller(connection: Connection, before: int) -> StackFrame | None:
    """The user's line that cancelled the handler's own task last, if one did."""
    found = None
    for event in connection.events[:before]:
        if isinstance(event, CancelRequested) and event.task == connection.main_task:
            found = event.stack[-1] if event.by == "app" and event.stack else None
    return found


RULE = Rule(
    code="WSD501",
    name="cancelled-error-escapes",
    summary="CancelledError left the handler though nothing cancelled it from outside",
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="CancelledError escapes",
    why=(
        "To await a task that was cancelled raises its CancelledError in the one who awaits. That is "
        "no Exception: it passes `except Exception`, the framework's error handling and its hooks, "
        'and every server logs "Exception in ASGI application" for every client that leaves.'
    ),
    silence="Never: a CancelledError that leaves the handler says that the server cancelled it.",
    remedies={
        "": remedy(
            "Wait for the task that you cancelled with `asyncio.wait`, not with `await`:",
            """
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            """,
            WHY_WAIT,
            "`suppress(CancelledError)` around `await task` is no way out: it also swallows a "
            "cancellation that is meant for the handler.",
        ),
        "/several": remedy(
            "Wait for the tasks that you cancelled with `asyncio.wait`, not with `gather`, which raises "
            "the first CancelledError:",
            """
            if left := [task for task in tasks if not task.done()]:
                for task in left:
                    task.cancel()
                await asyncio.wait(left)
            """,
            WHY_WAIT,
        ),
    },
    detect=detect,
    links=(ORIGIN, "https://docs.python.org/3/library/asyncio-task.html#task-cancellation"),
    rank=90,
    explains={"WSD206": at_the_same_place},  # the same CancelledError, awaited in a clean-up
    breaks_off=True,
    checks={
        "": ESCAPED,
    },
    signatures=(
        Signature(
            order=290,
            example="asyncio.exceptions.CancelledError",
            pattern=r"\bCancelledError\b",
            means="a task was cancelled; in a traceback that a server logs, the CancelledError left the handler",
            also=("WSD206",),
            needle="CancelledError",
            last_line=True,
            proof=False,
        ),
    ),
    tracebacks=(
        Traceback(shape="cancelled", means="CancelledError left the handler", also=("WSD206",)),
        Traceback(
            shape="cancelled after the disconnect",
            means="CancelledError left the handler, while the disconnect was being handled",
            also=("WSD206", "WSD203"),
        ),
    ),
)
