"""WSD001 app-failed-to-start: the application's lifespan failed, so nothing could be checked."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import innermost
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import name
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy


def detect(connection: Connection) -> Iterator[Occurrence]:
    if not connection.startup_failed:
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


RULE = Rule(
    code="WSD001",
    name="app-failed-to-start",
    summary="the application's lifespan start-up failed",
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
    },
    detect=detect,
)
