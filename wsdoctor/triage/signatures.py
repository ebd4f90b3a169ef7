"""The texts that servers, frameworks and asyncio print, as the rules have them (``diagnosis/logged.py``)."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache

from wsdoctor.diagnosis.logged import Shape, Signature, Traceback
from wsdoctor.diagnosis.rules import RULES

SIGNATURES: tuple[Signature, ...] = tuple(
    sorted(
        (replace(each, code=rule.code) for rule in RULES.values() for each in rule.signatures),
        key=lambda signature: signature.order,
    )
)
"""Every text, in the order in which a text is compared with them."""

TRACEBACKS: dict[Shape, Traceback] = {
    each.shape: replace(each, code=rule.code) for rule in RULES.values() for each in rule.tracebacks
}
"""What each shape of a traceback means."""

GONE = frozenset(
    {
        "ClientDisconnected",
        "ConnectionClosed",
        "ConnectionClosedError",
        "ConnectionClosedOK",
        "WebSocketDisconnected",
    }
)
"""Exceptions that a send to a client that has left raises, by server and framework."""

NEEDLES: tuple[bytes, ...] = tuple(
    dict.fromkeys(signature.needle.encode() for signature in SIGNATURES if signature.needle)
)
"""The parts of messages that are incidents without a traceback, as a log has them."""


@lru_cache(maxsize=256)  # a log says the same again and again
def signature_of(text: str, *, incidents: bool = False) -> Signature | None:
    """The first signature that fits ``text``; with ``incidents`` no other than those of incidents."""
    line = " ".join(text.split())
    return next(
        (
            signature
            for signature in SIGNATURES
            if signature.regex.search(line) and (signature.incident or not incidents)
        ),
        None,
    )


def above_traceback(text: str) -> Signature | None:
    """What asyncio says in ``text``, the record that a traceback belongs to."""
    line = " ".join(text.split())
    said = (signature for signature in SIGNATURES if signature.above)
    return next((signature for signature in said if signature.regex.search(line)), None)


def near(text: str) -> list[Signature]:
    """The signatures whose examples are most like ``text``, the nearest first."""
    known = {signature.example: signature for signature in SIGNATURES}
    return [known[example] for example in get_close_matches(text, known, n=2, cutoff=0.5)]
