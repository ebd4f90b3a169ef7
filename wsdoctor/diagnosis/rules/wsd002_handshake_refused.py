"""WSD002 handshake-refused: the application refused the client, so nothing could be checked."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import innermost
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import HANDSHAKE_REPLIES
from wsdoctor.diagnosis.exceptions import name
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import ExceptionInfo, SendCalled

_SWITCHING_PROTOCOLS = 101
"""The client broke off: it was accepted in a way that it must not take (RFC 6455, section 4.1)."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    refused = connection.refused
    if (
        refused is None
        or connection.recording.case.kind == "before-accept"
        or connection.startup_failed
    ):
        return
    if refused.status == 0 and connection.acted is not None and connection.acted <= refused.time:
        return  # the server was asked to stop first
    reason = _reason(connection)
    said = (
        f" ({name(reason)})" if reason else f" ({refused.detail})" if refused.detail.strip() else ""
    )
    status = f"status {refused.status}" if refused.status else "no answer"
    how = (
        f"was refused with {status}{said}: {_hint(refused.status, reason)}"
        if refused.status != _SWITCHING_PROTOCOLS
        else f"was answered as no client may take it ({refused.detail}): if it is a subprotocol that "
        "was not offered, offer it with --subprotocol NAME"
    )
    yield Occurrence(
        code=RULE.code,
        message=f"the opening handshake {how}",
        place=innermost(connection, reason.stack) if reason else None,
        severity="info",
        mark="no",
        index=connection.events.index(refused),
    )


def _reason(connection: Connection) -> ExceptionInfo | None:
    """The exception that the refusal answers; None if the user's code refused of its own accord."""
    replies = (event for event in connection.all(SendCalled) if event.message in HANDSHAKE_REPLIES)
    reply = next(replies, None)
    if reply is not None and reply.sender == "user":
        return None
    return connection.escapes[0].error if connection.escapes else None


def _hint(status: int, reason: ExceptionInfo | None) -> str:
    text = "" if reason is None else reason.message.lower()
    if "quer" in text:
        return "give it what is missing with --query NAME=VALUE"
    if "header" in text:
        return "give it what is missing with --header 'NAME: VALUE'"
    if "cookie" in text:
        return "give it what is missing with --cookie NAME=VALUE"
    if "subprotocol" in text:
        return "offer the subprotocol with --subprotocol NAME"
    if status == 404:  # noqa: PLR2004 - Not Found
        return (
            "no handler took this path; give values for its parameters with --path-param NAME=VALUE"
        )
    return (
        "if it wants a token, add --header 'Authorization: …', --cookie NAME=VALUE or --query NAME=VALUE; "
        "if it wants a subprotocol, --subprotocol NAME; if it looks a path parameter up, --path-param NAME=VALUE"
    )


RULE = Rule(
    code="WSD002",
    name="handshake-refused",
    summary="every connection was refused during the opening handshake",
    why=(
        "A handler that refuses its client (a guard, a missing token, an unknown subprotocol) runs "
        "no further than that. To refuse is correct; but nothing of what comes after it could be "
        "checked."
    ),
    silence="If a route is meant to refuse everybody, leave it out: name the others with `--path`.",
    remedies={
        "": remedy(
            "Give the handler what it asks for: `--header`, `--cookie`, `--query`, `--subprotocol` "
            "or `--path-param`."
        ),
    },
    detect=detect,
)
