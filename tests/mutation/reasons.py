"""Why nothing is found of a mutant, in a sentence: from what is otherwise in its sessions."""

from __future__ import annotations

from tests.mutation.campaign import Verdict

_STAYS = (
    "An entry stays in a container of the module, under a name. In some of these, the source has one name for all "
    "clients: there is one entry at most. In the others, each client has a name of its own, and the entry is no "
    "connection: it is a number, a title or an empty room. No line takes it out, so it may be meant to stay. A client "
    "that comes back gets what the first one got (`reconnect`)."
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


_STILL_THERE = "What it does wrong it does to a client that is still there; what comes after the end is in order."

LOOKED_AT: dict[str, frozenset[str]] = {
    _STILL_THERE: frozenset(
        {
            "fastapi_leaks/poll drop-except: except TimeoutError",
            "fastapi_live/speech drop-except: except TimeoutError",
            "litestar_crowd/lounge drop-manager: self.lock #2",
            "litestar_listener/slow-task drop-suppress: suppress(TimeoutError)",
            "litestar_relay/expected drop-except: except TimeoutError",
            "litestar_stream/feed drop-signal: ready.set()",
            "starlette_flow/impatient drop-guard: if done:",
            "starlette_flow/printer drop-guard: if stop:",
            "starlette_leaks/pages drop-exit: break at the end of a block #2",
            "starlette_locks/news drop-guard: if reading.done():",
            # Only a message that the user gives reaches these lines: without `--send` it is made up.
            "examples/wsd404_fixed drop-except: except (KeyError, ValueError)",
            "examples/wsd404_fixed narrow-except: KeyError among what is caught",
        }
    ),
    "It waits for a stream that ends by itself with its next send, which comes within the grace time and is "
    "refused, and takes the error.": frozenset(
        {
            "asgi_raw/stream drop-cancel: streaming.cancel()",
            "asgi_raw/stream swap-cancel: streaming.cancel(); await asyncio.gather(streaming, return_exceptions=True)",
            "litestar_raw/cancelled drop-cancel: task.cancel()",
            (
                "litestar_raw/cancelled swap-cancel: task.cancel(); with suppress(asyncio.CancelledError, "
                "WebSocketDisconnect, OSError):"
            ),
        }
    ),
    "Its thread is a real one, and two runs of the correct handler differ as much in what it still sends when the "
    "client has left.": frozenset(
        {
            "fastapi_live/crunch drop-wait: await asyncio.gather(working, return_exceptions=True)",
            "fastapi_live/crunch unguard-finally: finally: working.cancel()",
            "starlette_flow/printer narrow-except: RuntimeError among what is caught",
            "starlette_flow/printer drop-finally: finally: watching.cancel()",
        }
    ),
}
"""Survivors that a person has examined, by the observed difference."""

NO_DEFECT_AT_THE_END = LOOKED_AT[_STILL_THERE]
"""Those that no tool for the end of connections has to find."""
