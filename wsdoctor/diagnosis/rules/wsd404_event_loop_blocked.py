"""WSD404 event-loop-blocked: a synchronous call held the event loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import HANG, check
from wsdoctor.diagnosis.location import path, subject, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy, worded
from wsdoctor.diagnosis.source import loop_around
from wsdoctor.recording.events import StackFrame, WorkerLost

_ENOUGH = 2
"""One sample proves nothing."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.lost_starting is not None:
        return  # no client is connected yet
    for event in connection.all(WorkerLost):
        lines = [line for stack in event.samples if (line := _user_line(stack)) is not None]
        where_to = {(line.file, line.function) for line in lines}
        if len(event.samples) < _ENOUGH or len(lines) < len(event.samples) or len(where_to) != 1:
            continue
        place = loop_around(connection, lines)
        yield Occurrence(
            code=RULE.code,
            message=f"{subject(connection, place)} holds the event loop at {where(place)}{_how(event.samples, place)}: "
            "nothing else can run, not even the server's shutdown",
            place=place,
            severity="error",
            mark="masked",
            index=connection.events.index(event),
            evidence=tuple(_evidence(event.samples, place)),
            setting="" if _callee(event.samples, place) else "loop",
        )


def _callee(samples: Sequence[tuple[StackFrame, ...]], place: StackFrame) -> str:
    """What the user's line calls in all of ``samples``; "" if it is a loop of the user's own."""
    called: set[str] = set()
    for stack in samples:
        last = max(index for index, frame in enumerate(stack) if frame.user)
        if stack[last].line != place.line:
            return ""
        called.add(stack[last + 1].function if last + 1 < len(stack) else "")
    return called.pop() if len(called) == 1 else ""


def _how(samples: Sequence[tuple[StackFrame, ...]], place: StackFrame) -> str:
    callee = _callee(samples, place)
    return f", in a call of `{callee}`" if callee else ""


def _evidence(samples: Sequence[tuple[StackFrame, ...]], place: StackFrame) -> Iterator[str]:
    yield f"{len(samples)} stack samples, all in {place.function}"
    if way := path(samples[0]):
        yield f"call path: {way}"


def _user_line(stack: tuple[StackFrame, ...]) -> StackFrame | None:
    return next((frame for frame in reversed(stack) if frame.user), None)


_COMPUTES = "A loop that computes for long belongs into a thread: `await asyncio.to_thread(...)`."

RULE = Rule(
    code="WSD404",
    name="event-loop-blocked",
    summary="a call, or a loop that never waits, held the event loop and did not give it back",
    severity="error",
    effect="stuck",
    happens="the event loop is blocked",
    why=(
        "While one handler holds the event loop no other connection is served, no ping is answered "
        "and no signal is handled: the process looks alive and serves no client. Even SIGTERM does not "
        "end it, because uvicorn needs the loop to act on it."
    ),
    silence="Never: one client stops the service for all.",
    remedies={
        "": remedy(
            "Give a call that blocks to a thread: `await asyncio.to_thread(...)`, or use what asyncio "
            "has for it (`asyncio.sleep`, `asyncio.Queue`).",
        ),
        **worded(
            "loop",
            {
                "": f"Let the disconnect end the loop, for from then on each read raises at once. {_COMPUTES}",
                "asgi": f"Let the message `websocket.disconnect` end the loop. {_COMPUTES}",
                "quart": f"Let the `asyncio.CancelledError` by which Quart ends the handler end the loop. {_COMPUTES}",
                "channels": _COMPUTES,
            },
            {
                "": """
                    while True:
                        try:
                            ...
                        except (KeyError, ValueError):
                            continue
                        except WebSocketDisconnect:
                            break
                """,
                "asgi": """
                    while (message := await receive())["type"] != "websocket.disconnect":
                        try:
                            ...
                        except (KeyError, ValueError):
                            continue
                """,
                "quart": """
                    while True:
                        try:
                            ...
                        except (KeyError, ValueError):
                            continue
                """,
                "channels": "",
            },
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code",),
    in_company=True,
    in_overflow=True,
    rank=30,
    overrules=True,
    checks={
        "": check("freezes reachless", f"await within({HANG}, tap.returned)"),
    },
    signatures=(
        Signature(
            order=250,
            example="Executing <Task finished name='Task-3' coro=<chat() done>> took 2.067 seconds",
            pattern=r"Executing <(?:Task|Handle|TimerHandle)\b.*> took \d+\.\d+ seconds",
            means="a step of a task held the event loop for that long",
            needle="Executing <",
            proof=False,
        ),
    ),
)
