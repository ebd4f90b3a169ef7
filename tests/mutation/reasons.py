"""Why nothing is found of a mutant, in a sentence: from what is otherwise in its sessions."""

from __future__ import annotations

from dataclasses import dataclass

from tests.mutation.campaign import Verdict


@dataclass(frozen=True)
class Reason:
    """``waits_for`` is the rule that would find it, "" if none is to come."""

    text: str
    waits_for: str = ""


_GROWS = Reason(
    "What the module holds grows with every connection, and nothing else is to be seen: WSD305 "
    "connection-leaked is the rule for it.",
    waits_for="WSD305",
)
_TOLD = {
    "WSD301": "A task outlives its connection and ends by itself, at its next send or with its work: WSD301 says "
    "so as `info`, with how long it lived.",
    "WSD202": "Litestar's own task group wraps the end of the stream, and the handler only lets it pass: WSD202 "
    "names the framework.",
}


def reason(verdict: Verdict) -> Reason:
    """The Reason why ``verdict`` is not ``found``."""
    if verdict.outcome == "told":
        code = verdict.codes[0]
        return Reason(_TOLD.get(code, f"{code} says so as `info`."))
    if verdict.facts.keys() == {"registries"}:
        return _GROWS
    for text, ids in _LOOKED_AT.items():
        if verdict.mutant.id in ids:
            return Reason(text)
    return Reason("Not looked into yet.")


_LOOKED_AT: dict[str, frozenset[str]] = {}
"""Those that somebody has looked at, by what was seen."""
