"""Why nothing is found of a mutant, in a sentence: from what is otherwise in its sessions."""

from __future__ import annotations

from tests.mutation.campaign import Verdict

_STAYS = (
    "What is left in a container of the module has a name that the next client has, too, and takes the "
    "place of: it does not grow from connection to connection."
)
_TOLD = {
    "WSD301": "A task outlives its connection and ends by itself, at its next send or with its work: WSD301 says "
    "so as `info`, with how long it lived.",
    "WSD305": "A container grows with every client, however it leaves, and no function means to take out what "
    "it puts in: it may be a history, and WSD305 says so as `info`.",
    "WSD202": "Litestar's own task group wraps the end of the stream, and the handler only lets it pass: WSD202 "
    "names the framework.",
}


def reason(verdict: Verdict) -> str:
    """Why ``verdict`` is not ``found``."""
    if verdict.outcome == "told":
        code = verdict.codes[0]
        return _TOLD.get(code, f"{code} says so as `info`.")
    for text, ids in LOOKED_AT.items():
        if verdict.mutant.id in ids:
            return text
    if verdict.facts.keys() == {"registries"}:
        return _STAYS
    return "Not looked into yet."


LOOKED_AT: dict[str, frozenset[str]] = {
    "Its thread is a real one, and two runs of the correct handler differ as much in what it still sends when the "
    "client has left.": frozenset(
        {
            "starlette_flow/printer narrow-except: RuntimeError among what is caught",
            "starlette_flow/printer drop-finally: finally: watching.cancel()",
        }
    ),
}
"""Those that somebody has looked at, by what was seen."""
