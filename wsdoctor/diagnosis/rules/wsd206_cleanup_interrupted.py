"""WSD206 cleanup-interrupted: a cancellation ended the clean-up before it was done."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.cleanup import Cut, cut
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import UNDONE
from wsdoctor.diagnosis.location import subject, where
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import WHEN_IT_ENDS, WHY_WAIT, remedy, worded
from wsdoctor.diagnosis.rules._snippets import CANCEL_THEN_WAIT
from wsdoctor.diagnosis.source import read
from wsdoctor.recording.events import CancelArrived, CancelRequested, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    found: set[StackFrame] = set()
    for event in connection.all(CancelArrived):
        if event.by != "app" or _server_cancels(connection, event):
            continue
        ended = _interrupted(connection, event)
        undone = [(place, part) for place, part in ended if part.lines]
        if not undone or undone[-1][0] in found:
            continue
        place = undone[-1][0]
        found.add(place)
        yield Occurrence(
            code=RULE.code,
            message=f"the clean-up of {subject(connection, place)} is cancelled at {where(place)}{_awaiting(connection, place)}: "
            f"{_never(undone[-1][1].lines)}",
            place=place,
            severity="warning",
            mark="masked",
            index=connection.events.index(event),
            evidence=tuple(_evidence(connection, event, ended, undone)),
            task=event.task,
            setting="awaited" if event.awaited else "",
        )


def _interrupted(connection: Connection, event: CancelArrived) -> list[tuple[StackFrame, Cut]]:
    """The functions that the cancellation ended, from the one whose clean-up it was inwards."""
    parts = [_cut(connection, place) for place in event.stack]
    for at, (part, left) in enumerate(zip(parts, event.left, strict=True)):
        if not part.clean_up or left not in part.last:
            continue
        # The first cancellation of all may meet a `finally` of the conversation, which it is to end.
        goes_on = any(item.goes_on for item in parts[: at + 1])
        if goes_on and not (event.again or event.awaited):
            continue
        inner = zip(event.stack[at:], parts[at:], event.left[at:], strict=True)
        return [(place, item) for place, item, line in inner if line in item.last]
    return []


def _cut(connection: Connection, place: StackFrame) -> Cut:
    return cut(connection.recording.sources.get(place.file, ""), place.line)


def _asked_at(connection: Connection, event: CancelArrived) -> StackFrame | None:
    """The user's line that asked for the cancellation."""
    before = connection.events[: connection.events.index(event)]
    asked = [
        item for item in before if isinstance(item, CancelRequested) and item.task == event.task
    ]
    return asked[-1].stack[-1] if asked and asked[-1].stack else None


def _server_cancels(connection: Connection, event: CancelArrived) -> bool:
    """Whether the server had lost its patience: what it cancels then has taken too long (WSD403)."""
    return any(
        item.by == "server" and item.time <= event.time for item in connection.all(CancelRequested)
    )


def _awaiting(connection: Connection, place: StackFrame) -> str:
    awaited = read(connection, place).expression
    return f" while it awaits `{awaited}`" if awaited else ""


def _never(lines: tuple[int, ...]) -> str:
    if len(lines) == 1:
        return f"line {lines[0]} never runs"
    return f"lines {', '.join(map(str, lines[:-1]))} and {lines[-1]} never run"


def _evidence(
    connection: Connection,
    event: CancelArrived,
    ended: list[tuple[StackFrame, Cut]],
    undone: list[tuple[StackFrame, Cut]],
) -> Iterator[str]:
    place, part = ended[0]
    block = f"the `{part.clean_up}`" if part.clean_up in {"finally", "except"} else "the function"
    yield f"the CancelledError came up at {where(ended[-1][0])}, within {block} of {subject(connection, place)}"
    for outer, item in undone[:-1]:
        yield f"in {subject(connection, outer)}, {_never(item.lines)}"
    if event.awaited:
        task = connection.tasks.get(event.awaited)
        name = f" `{task.coroutine.rpartition('.')[2]}`" if task is not None else ""
        yield f"it is that of the task{name}, which was cancelled: to await a task raises what it ended with"
        return
    if (asked := _asked_at(connection, event)) is not None:
        yield f"`cancel()` was called at {where(asked)}"
    elif event.again:
        yield "the task had been cancelled before, and was cancelled again"


_RELEASE_FIRST = remedy(
    "First release everything that needs no `await`. Put the awaits into a function of their own, and "
    "protect it from the cancellation with `asyncio.shield`:",
    """
    try:
        ...
    finally:
        members.discard(name)
        await asyncio.shield(announce(...))
    """,
)
_WAIT_FOR_IT = (
    "Release first what needs no `await`. Wait for the task with `asyncio.wait`, which does not raise what "
    "the task ended with:"
)

RULE = Rule(
    code="WSD206",
    name="cleanup-interrupted",
    summary="a cancellation ended a `finally`, an `except` or an `__aexit__` at an `await`, and the rest of it never ran",
    severity="warning; error if something of the connection stays",
    effect="lost",
    happens="the clean-up is interrupted",
    why=(
        "Every `await` of a clean-up can be cancelled in turn: by a second `cancel()`, a time-out, or the task "
        "group of a framework, which in anyio cancels again at each `await` until the task has ended. The "
        "rest of the clean-up is skipped: the connection stays in its set, the counter is one too high, the "
        "lock is held. No log says so."
    ),
    silence="If what is skipped does not matter any more when the task is cancelled.",
    remedies={
        "": _RELEASE_FIRST,
        "litestar": _RELEASE_FIRST,
        **worded("awaited", _WAIT_FOR_IT, WHEN_IT_ENDS, CANCEL_THEN_WAIT, WHY_WAIT),
        "litestar/awaited": remedy(_WAIT_FOR_IT, CANCEL_THEN_WAIT[""], WHY_WAIT),
    },
    detect=detect,
    links=(
        "https://docs.python.org/3/library/asyncio-task.html#asyncio.shield",
        "https://anyio.readthedocs.io/en/stable/cancellation.html#finalization",
    ),
    rank=260,
    breaks_off=True,
    lateness="neither",
    checks={
        "interrupted clean-up": UNDONE,
    },
)
