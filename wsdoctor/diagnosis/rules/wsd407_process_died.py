"""WSD407 process-died: the application ended its process, or crashed it."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.location import path, subject, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import ServerPhase, WorkerLost


def detect(connection: Connection) -> Iterator[Occurrence]:
    for event in connection.all(WorkerLost):
        if event.returncode is None or _is_asked_for(connection, event.returncode):
            continue
        own = [frame for frame in event.stack if frame.user]
        place = own[-1] if own else connection.recording.handler
        at = f" at {where(own[-1])}" if own else ""
        who = subject(connection, place)
        yield Occurrence(
            code=RULE.code,
            message=f"{who} ends the process{at}: it {_ended(event.returncode)}, and every other connection with it"
            if own
            else f"the process {_ended(event.returncode)} during a connection of {who}, and every other connection with it",
            place=place,
            severity="error",
            mark="masked",
            index=connection.events.index(event),
            evidence=tuple(_evidence(event)),
        )
        return


def _is_asked_for(connection: Connection, returncode: int) -> bool:
    """Whether the server was asked to stop, and that is what the process does."""
    stops = any(event.phase == "exit-requested" for event in connection.all(ServerPhase))
    return stops and returncode == 0


def _ended(returncode: int) -> str:
    if returncode >= 0:
        return f"exits with code {returncode}"
    name = f"signal {-returncode}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-returncode).name
    return f"is killed by {name}"


def _evidence(event: WorkerLost) -> Iterator[str]:
    if event.called == "loop.stop":
        yield "it called `loop.stop()`, and so the server's `asyncio.run()` raises a RuntimeError"
    elif event.called.startswith(("os.", "signal.")):
        yield f"it called `{event.called}()`"
    elif event.called in {"SystemExit", "KeyboardInterrupt"}:
        yield f"asyncio lets a {event.called} through, out of the event loop"
    elif event.called:
        yield f"faulthandler reports: {event.called}"
    if way := path(event.stack):
        yield f"call path: {way}"
    if not event.stack:
        yield "it left no stack: it may have been killed from outside, for want of memory, say"


RULE = Rule(
    code="WSD407",
    name="process-died",
    summary="the application's process exited, was killed or crashed during a case",
    severity="error",
    effect="stuck",
    happens="the process dies",
    why=(
        "One client that leaves ends the server for all: every other connection breaks off, no clean-up runs, "
        "and whatever starts the process anew does so again for the next one. `sys.exit()` in a task leaves the "
        "event loop as well; in a handler the server catches it."
    ),
    silence="If the process is meant to serve one client and to end with it.",
    remedies={
        "": remedy(
            "Let the error leave the handler, or close this connection alone. To stop the server, tell the process "
            "that supervises it. A crash of the interpreter comes from native code: look for a thread that "
            "still uses what the connection has closed."
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/faulthandler.html",),
    in_company=True,
    rank=20,
    overrules=True,
    ends_process=True,
    signatures=(
        Signature(
            order=350,
            example="[CRITICAL] WORKER TIMEOUT (pid:17)",
            pattern=(
                r"WORKER TIMEOUT|Worker \(pid:\d+\) was sent SIG(?:KILL|ABRT|SEGV)|Perhaps out of memory\?"
                r"|Child process \[\d+\] died|Fatal Python error: |Segmentation fault"
            ),
            means="a worker process died, or was killed because its event loop did not answer",
            also=("WSD404",),
            incident=False,
            proof=False,
        ),
    ),
)
