"""WSD002 handshake-refused: the application refused the client, so nothing could be checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.contract import HANDSHAKE_REPLIES
from wsdoctor.diagnosis.emitted import check
from wsdoctor.diagnosis.exceptions import (
    is_cancelled,
    is_deliberate,
    is_disconnect,
    is_unrouted,
    leaves,
    name,
)
from wsdoctor.diagnosis.location import innermost, raised_at, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import (
    AppReturned,
    ExceptionInfo,
    HandshakeRefused,
    SendCalled,
    StackFrame,
)

_SWITCHING_PROTOCOLS = 101
"""The client broke off: it was accepted in a way that it must not take (RFC 6455, section 4.1)."""


def detect(connection: Connection) -> Iterator[Occurrence]:
    refused = connection.turned_away
    if refused is None:
        return
    if (called := connection.called) is not None and _is_unanswered(connection, refused):
        yield _occurrence(
            connection,
            refused,
            f"was not answered: the application had sent nothing after {seconds(refused.time - called.time)}, "
            "and the server closed the connection. Accept the client first, then wait",
            place=connection.recording.handler,
        )
        return
    reason = _reason(connection)
    unrouted = reason is not None and is_unrouted(reason)
    said = (
        f" ({name(reason)})" if reason else f" ({refused.detail})" if refused.detail.strip() else ""
    )
    status = f"status {refused.status}" if refused.status else "no answer"
    if refused.status == _SWITCHING_PROTOCOLS:
        how = (
            f"was answered as no client may take it ({refused.detail}): if it is a subprotocol that "
            "was not offered, offer it with --subprotocol NAME"
        )
    elif unrouted and called is not None:
        how = (
            f"failed with {status}: the application has no route for the path `{called.path}`. Name one that it "
            "has with --path"
        )
    elif reason is not None and _is_own_error(reason):
        how = f"failed with {status}: {_failure(reason)}"
    else:
        how = f"was refused with {status}{said}: {_hint(refused.status, reason)}"
    yield _occurrence(
        connection,
        refused,
        how,
        place=innermost(connection, reason.stack) if reason else None,
        setting="unrouted" if unrouted else "",
    )


def _occurrence(
    connection: Connection,
    refused: HandshakeRefused,
    how: str,
    *,
    place: StackFrame | None,
    setting: str = "",
) -> Occurrence:
    return Occurrence(
        code=RULE.code,
        message=f"the opening handshake {how}",
        place=place,
        severity="info",
        mark="no",
        index=connection.events.index(refused),
        setting=setting,
    )


def _is_unanswered(connection: Connection, refused: HandshakeRefused) -> bool:
    """Whether the server gave up a handler that had neither answered nor returned."""
    before = connection.events[: connection.events.index(refused)]
    return not refused.status and not any(
        isinstance(event, AppReturned)
        or (isinstance(event, SendCalled) and event.message in HANDSHAKE_REPLIES)
        for event in before
        if getattr(event, "connection", 0) == connection.number
    )


def _reason(connection: Connection) -> ExceptionInfo | None:
    """The exception that the refusal answers; None if the user's code refused of its own accord."""
    replies = (event for event in connection.all(SendCalled) if event.message in HANDSHAKE_REPLIES)
    reply = next(replies, None)
    if reply is not None and reply.sender == "user":
        return None
    return connection.escapes[0].error if connection.escapes else None


def _is_own_error(reason: ExceptionInfo) -> bool:
    """Whether ``reason`` is a failure of the application, and no refusal that it decided on."""
    if any(is_disconnect(leaf) or is_cancelled(leaf) for leaf in leaves(reason)):
        return False
    return not all(
        # The text of an HTTPException begins with its status.
        is_deliberate(leaf) and not leaf.message.startswith("5")
        for leaf in leaves(reason)
    )


def _failure(reason: ExceptionInfo) -> str:
    raised = raised_at(reason)
    at = f", raised at {where(raised)}" if raised else ""
    return (
        f"{name(reason)}{at}. That is an error of the application's own: correct it, or give the "
        "handler what it lacks with --query, --header, --cookie or --path-param"
    )


_OPTIONS = {
    "query": "--query NAME=VALUE",
    "header": "--header 'NAME: VALUE'",
    "cookie": "--cookie NAME=VALUE",
    "path": "--path-param NAME=VALUE",
}


def _validated(refuses: Iterable[str]) -> str:
    """What a validation error complains of, and the options that give another value."""
    by_part: dict[str, list[str]] = {}
    for item in refuses:
        part, _, named = item.partition(" ")
        by_part.setdefault(part, []).append(f"`{named}`")
    what = " and ".join(f"the {part} {', '.join(names)}" for part, names in by_part.items())
    how = " and ".join(_OPTIONS[part] for part in by_part)
    return f"the application refused {what}: give a value that it takes with {how}"


def _hint(status: int, reason: ExceptionInfo | None) -> str:
    if reason is not None and reason.refuses:
        return _validated(reason.refuses)
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
    severity="info: nothing was checked",
    effect="remark",
    happens="the handshake is refused",
    why=(
        "A handler that refuses its client (a guard, a missing token, an unknown subprotocol) runs "
        "no further than that. To refuse is correct; but nothing of what comes after it could be "
        "checked."
    ),
    silence="If a route is meant to refuse everybody, leave it out: name the others with `--path`.",
    remedies={
        "": remedy(
            "Give the handler what it asks for: `--header`, `--cookie`, `--query`, `--subprotocol` "
            "or `--path-param`. If it fails with an error of its own, correct that first."
        ),
        "/unrouted": remedy(
            "Name a path that the application serves, as it is written there, with the last slash: `--path "
            "/ws/chat/`.",
        ),
    },
    detect=detect,
    stops_at="handshake",
    rank=40,
    lateness="neither",
    checks={
        "": check("reachless", 'assert client.opened, "the handshake was refused"'),
    },
    signatures=(
        Signature(
            order=370,
            example="connection rejected (403 Forbidden)",
            pattern=(
                r"connection rejected \([34]\d\d|server rejected WebSocket connection: HTTP [34]\d\d"
                r"|\"WebSocket [^\"]*\" [34]\d\d"
            ),
            means="the handshake was refused",
            incident=False,
            proof=False,
        ),
    ),
)
