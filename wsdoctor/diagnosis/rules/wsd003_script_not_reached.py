"""WSD003 script-not-reached: the client never got to the chosen moment."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import check
from wsdoctor.diagnosis.exceptions import name
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy


def detect(connection: Connection) -> Iterator[Occurrence]:
    stopped = connection.script_stopped
    if stopped is None:
        return
    moment = connection.recording.case.moment
    early = (
        connection.escapes[0].error
        if connection.escapes and "ended first" in stopped.waiting_for
        else None
    )
    because = f"; the handler had raised {name(early)}" if early else ""
    yield Occurrence(
        code=RULE.code,
        message=f"the moment {moment} was not reached: the client waited for {stopped.waiting_for}{because}",
        place=connection.recording.handler,
        severity="info",
        mark="no",
        index=connection.events.index(stopped),
    )


RULE = Rule(
    code="WSD003",
    name="script-not-reached",
    summary="the connection ended, or nothing came, before the chosen moment",
    severity="info: the case is inconclusive",
    effect="remark",
    happens="the moment is not reached",
    why=(
        "A case that did not get to its moment says nothing about that moment. It is inconclusive, "
        "and never counted as a pass."
    ),
    silence="If the handler never sends that much, choose moments that it does reach: `--at`.",
    remedies={
        "": remedy(
            "Let the client say what the handler waits for: `--send TEXT`, `--send-json JSON` or "
            "`--script STEPS`."
        ),
    },
    detect=detect,
    stops_at="moment",
    rank=400,
    lateness="neither",
    checks={
        "": check(""),
    },
)
