"""WSD001 app-failed-to-start: the application's lifespan failed, so nothing could be checked."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import check
from wsdoctor.diagnosis.exceptions import name
from wsdoctor.diagnosis.location import innermost, path, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import StartupStuck


def detect(connection: Connection) -> Iterator[Occurrence]:
    if not connection.startup_failed:
        return
    if (stuck := _stuck(connection)) is not None:
        yield stuck
        return
    logs = connection.error_logs
    raised = next((log.exception for log in logs if log.exception is not None), None)
    # The frames of an exception group are drawn with these characters around them.
    said = [
        [line.strip(" |+-") for line in log.message.splitlines() if line.strip(" |+-")]
        for log in logs
        if log.message.strip()
    ]
    # Litestar and Starlette send their traceback as the text of lifespan.startup.failed.
    reason = (
        name(raised)
        if raised
        else next((lines[-1] for lines in said if len(lines) > 1), "it did not say why")
    )
    stack = raised.stack if raised else next((log.stack for log in logs if log.stack), ())
    yield Occurrence(
        code=RULE.code,
        message=f"the application did not start: {reason}",
        place=innermost(connection, stack) if stack else None,
        severity="error",
        mark="logged",
        index=len(connection.events) - 1,
        evidence=tuple(lines[-1] for lines in said[:2]),
    )


def _stuck(connection: Connection) -> Occurrence | None:
    """The occurrence if the start-up did not answer at all."""
    if (lost := connection.lost_starting) is not None:
        stack, held = lost.samples[-1], "it holds the event loop"
        waited, call = "in the time that it had", ""
    elif (event := connection.first(StartupStuck)) is not None:
        first = event.stacks[0] if event.stacks else None
        stack, held = (first.stack if first else ()), "it waits"
        virtual = " of virtual time" if event.clock == "virtual" else ""
        waited = f"within {event.seconds:g} s{virtual}"
        call = f" for {first.awaits}" if first is not None and first.awaited_task else ""
    else:
        return None
    place = next((frame for frame in reversed(stack) if frame.user), None)
    at = f": {held} at {where(place)}{call}" if place is not None else ""
    return Occurrence(
        code=RULE.code,
        message=f"the application did not start: its start-up did not answer {waited}{at}",
        place=place,
        severity="error",
        mark="masked",
        index=len(connection.events) - 1,
        evidence=tuple(filter(None, [f"call path: {way}" if (way := path(stack)) else ""])),
        setting="stuck",
    )


RULE = Rule(
    code="WSD001",
    name="app-failed-to-start",
    summary="the application's lifespan start-up failed",
    severity="error",
    effect="stuck",
    happens="the application does not start",
    why=(
        "The server runs the application's lifespan before it takes connections. When its start-up "
        "raises, uvicorn exits: nothing is served, and so nothing could be checked."
    ),
    silence="Never: without a running application there is nothing to check.",
    remedies={
        "": remedy(
            "Make the start-up work where the check runs: set the environment variables and start "
            "the services that it needs, or give it defaults. Or check a factory that builds the "
            "application without them: `--factory`."
        ),
        "/stuck": remedy(
            "Start what it waits for, and let the start-up raise where that does not come: with "
            "`asyncio.timeout`, say. If it only takes long, give it more time: `--startup-time`."
        ),
    },
    detect=detect,
    stops_at="start",
    rank=10,
    overrules=True,
    lateness="neither",
    checks={
        "": check("start reachless"),
    },
    signatures=(
        Signature(
            order=360,
            example="Application startup failed. Exiting.",
            pattern=r"Application startup failed",
            means="the application's lifespan failed at start-up",
            incident=False,
            proof=False,
        ),
    ),
)
