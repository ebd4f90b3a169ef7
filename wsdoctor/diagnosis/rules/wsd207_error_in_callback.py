"""WSD207 error-in-callback: a callback of the event loop raised."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection, Escape, frame_root
from wsdoctor.diagnosis.emitted import GRACE_OVER, TASKS_ENDED, WATCHED, check
from wsdoctor.diagnosis.exceptions import ids, is_cancelled, is_foreign_context, leaves, name
from wsdoctor.diagnosis.finding import Fault
from wsdoctor.diagnosis.location import path, subject, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import RESET_WHERE_SET, WHERE_CONTEXTS_DIFFER, remedy
from wsdoctor.diagnosis.rules._snippets import RESET
from wsdoctor.recording.events import ExceptionInfo, LoopErrorReported, StackFrame

_SERVERS = frozenset({"uvicorn", "websockets", "wsproto"})


def detect(connection: Connection) -> Iterator[Occurrence]:
    found: set[StackFrame | None] = set()
    for event in connection.all(LoopErrorReported):
        error = event.exception
        if not event.in_callback or error is None:
            continue
        index = connection.events.index(event)
        place = _place(connection, error)
        cancelled = all(is_cancelled(leaf) for leaf in leaves(error))
        if place in found or not (cancelled or _is_its_own(connection, index, error)):
            continue
        found.add(place)
        way = path(error.stack)
        logged = bool(ids(error) & connection.logged)
        yield Occurrence(
            code=RULE.code,
            message=f"the callback {subject(connection, place)} raises {name(error)} at {where(place)}, and only the event loop gets to see it"
            if place is not None
            else f"a callback outside your code raises {name(error)}",
            place=place,
            severity="error",
            mark="logged" if logged else "masked",
            index=index,
            fault=_fault(place, error),
            evidence=(
                f"asyncio reports: {event.message.partition('(')[0]}",
                *((f"call path: {way}",) if way else ()),
            ),
            setting="cancelled" if cancelled else "context" if is_foreign_context(error) else "",
        )


def _place(connection: Connection, error: ExceptionInfo) -> StackFrame | None:
    """The user's line in the callback. What it got from a task, the task's lines are further inside of."""
    own: list[StackFrame] = []
    for frame in error.stack:
        if own and frame_root(frame) in connection.task_roots:
            break
        if frame.user:
            own.append(frame)
    return own[-1] if own else None


def _is_its_own(connection: Connection, index: int, error: ExceptionInfo) -> bool:
    """Whether the error is the callback's, and no answer to a message that wsdoctor made up."""
    return not connection.misread(Escape(index, error, "loop"))


def _fault(place: StackFrame | None, error: ExceptionInfo) -> Fault:
    if place is not None:
        return "app"
    own = [frame for frame in error.stack if frame.package]
    return "server" if own and own[-1].package in _SERVERS else "framework"


_LOOK_FIRST = """
    def done(task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()):
            log.error("...", exc_info=error)
"""

RULE = Rule(
    code="WSD207",
    name="error-in-callback",
    summary="a done callback, or what `call_soon` or `call_later` runs, raised",
    severity="error",
    effect="escape",
    happens="a callback raises",
    why=(
        "A callback has no caller that waits for it. Its exception goes to the event loop, which logs it; the "
        "rest of the callback is skipped, with everything that it should give back. Most often the cause is "
        "`task.result()` in a done callback: if the task was cancelled, it raises CancelledError, for every "
        "client that leaves."
    ),
    silence="Never: asyncio logs it as an error of the application.",
    remedies={
        "": remedy(
            "Keep the error in the callback, or let a task do the work, and await it. A done callback "
            "examines the task's exception, and does not raise it:",
            _LOOK_FIRST,
        ),
        "/cancelled": remedy(
            "Ask whether the task was cancelled before you ask for its result: both `result()` and "
            "`exception()` of a cancelled task raise CancelledError:",
            _LOOK_FIRST,
        ),
        "/context": remedy(RESET_WHERE_SET, RESET, WHERE_CONTEXTS_DIFFER),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/asyncio-task.html#asyncio.Task.add_done_callback",),
    rank=300,
    lateness="neither",
    checks={
        "": check(
            "tasks unretrieved grace",
            WATCHED,
            TASKS_ENDED,
            GRACE_OVER,
            'raised = [text for text in complaints if "in callback" in text]',
            'assert not raised, f"asyncio complains: {raised}"',
        ),
    },
    signatures=(
        Signature(
            order=230,
            example="Exception in callback landed(<Task finished ...>) at /app/ws.py:51",
            pattern=r"(?:^|\s|:)Exception in callback\b(?! StreamReaderProtocol\.)",
            means="a done callback, or a function given to `call_soon` or `call_later`, raised",
            needle="Exception in callback",
            above=True,
            proof=False,
        ),
    ),
    in_callback=True,
)
