"""The kinds of disconnect: how the connection ends."""

from __future__ import annotations

from wsdoctor.plan.errors import PlanError, unknown
from wsdoctor.recording.case import BESIDE, RECONNECT

KINDS: dict[str, str] = {
    "close": "a close frame with code 1000, as a well-behaved client sends it",
    "close:CODE": "a close frame with another code, e.g. close:1001 (the browser tab was closed)",
    "no-code": "a close frame without a code (seen as 1005)",
    "abort": "a TCP reset (RST): the process was killed, the load balancer cut the connection",
    "fin": "the client shuts its write side down without a close frame (half-close)",
    "eof": "the client closes its socket without a close frame, as most proxies do: what is sent to it is reset",
    "vanish": "no packet ever again: only the server's ping time-out notices it",
    "stall": "the client stops reading until every buffer is full",
    "stall-close": "the client stops reading, and then sends a close frame",
    "stall-abort": "the client stops reading, and then resets the connection",
    "partial-frame": "half of a frame, then the end of the stream",
    "protocol-error": "a frame that RFC 6455 forbids",
    "oversize": "a message that is larger than the server's limit",
    "shutdown": "the server is asked to stop while the client is connected",
    "shutdown-timeout": "the server is asked to stop, with a graceful time-out that may pass",
    "before-accept": "the client resets the connection before the handshake was answered",
    "burst": "more messages than a server queues, and the close frame, in one segment: unread data is pending",
    "burst-abort": "the messages of burst and a TCP reset, in one segment: they are read when the client is gone",
}

DEFAULT_KINDS: tuple[str, ...] = tuple(kind.replace(":CODE", ":1001") for kind in KINDS)

DEAR_KINDS = frozenset({"stall-abort", "burst-abort"})
"""Kinds that a sweep takes through named moments only, unless they are asked for."""

SERVER_KINDS = frozenset({"shutdown", "shutdown-timeout"})
"""Kinds in which the server ends the connection, not the client."""

STALLING_KINDS = frozenset({"stall", "stall-close", "stall-abort"})

BURST_KINDS = frozenset({"burst", "burst-abort"})

BURST = 36
"""Messages of ``BURST_KINDS``: uvicorn queues 32 (``ws_max_queue``), hypercorn 10."""

WITH_BYSTANDER: dict[str, str] = {
    f"KIND{BESIDE}": "the same, e.g. stall+bystander, and a second client that stays: what does it get?",
}

BYSTANDER_KINDS: tuple[str, ...] = tuple(
    f"{kind}{BESIDE}" for kind in ("close", "abort", "stall", "stall-abort", "burst")
)
"""With a second client beside the one that leaves: what is tried unless kinds are asked for."""

COMES_BACK: dict[str, str] = {
    RECONNECT: "no packet ever again, and the same client comes back: what does its new connection get?",
}

_ALONE = SERVER_KINDS | {"before-accept", RECONNECT}
"""Kinds that end everybody's connection, or come before there is one to share anything with, or have a
second client of their own."""


def place_of_kind(kind: str) -> tuple[int, str]:
    """Sorts kinds in the order of ``KINDS``, those with a bystander last."""
    act = kind.removesuffix(BESIDE)
    name = "close:CODE" if act.startswith("close:") else act
    place = list(KINDS).index(name) if name in KINDS else len(KINDS)
    return place + (len(KINDS) + 1) * kind.endswith(BESIDE), kind


def close_code(kind: str) -> int | None:
    """The code of the close frame that ``kind`` sends, None if it sends none or one without a code."""
    if kind in {"close", "burst", "stall-close"}:
        return 1000
    if kind.startswith("close:"):
        return int(kind.removeprefix("close:"))
    return None


def parse_kind(text: str) -> str:
    """A kind as it is written in case ids; ``abort+bystander`` has a second client beside the first.

    Raises PlanError for a kind that does not exist, or a code that a client must not send
    (RFC 6455, section 7.4).
    """
    name = text.strip()
    if name.endswith(BESIDE):
        kind = parse_kind(name.removesuffix(BESIDE))
        if kind in _ALONE:
            raise PlanError(f"{name!r} is no kind of disconnect: in {kind} there is no bystander")
        return f"{kind}{BESIDE}"
    if name.startswith("close:"):
        code = name.removeprefix("close:")
        if not code.isdecimal() or not _may_be_sent(int(code)):
            raise PlanError(
                f"{name!r} is no kind of disconnect: a close frame carries a code from 1000 to 4999 "
                "other than 1004, 1005, 1006 and 1015, e.g. close:1001"
            )
        return "close" if code == "1000" else f"close:{int(code)}"
    if name not in KINDS and name not in COMES_BACK:
        raise unknown("kind of disconnect", name, (*KINDS, *COMES_BACK))
    return name


def _may_be_sent(code: int) -> bool:
    return code in {1000, 1001, 1002, 1003, *range(1007, 1015)} or 3000 <= code <= 4999  # noqa: PLR2004 - RFC 6455
