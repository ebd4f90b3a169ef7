"""What a row of the zoo says: a handler with one defect, and its closest correct twin."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from msgspec.structs import replace

from wsdoctor.explore.options import Options
from wsdoctor.plan.kinds import BYSTANDER_KINDS, DEFAULT_KINDS
from wsdoctor.recording.case import SendStep, Step

PLAIN = ("close",)
"""The kinds at which a defect is looked for unless its row says more: its twin is met at all."""

STAYS = ("close", "stall-close")
"""For what the handler does while the client is still there."""


BESIDE = ("close+bystander", "abort+bystander")
"""For what another client gets when one has left …"""

STALLED = ("stall+bystander",)
"""… or has stopped reading."""

SWEPT = ("close", "abort")
"""The client says that it leaves, or is simply gone."""


@dataclass(frozen=True)
class Pair:
    """A row: ``code`` is what the buggy handler must be found for, and nothing else but what is marked.

    ``app`` is the module in ``apps`` that holds both, from the name of the file of rows.
    ``rest`` is what comes after its name in the path, with ``path_params`` for what is open in it.
    ``says`` is what the client sends first, ``script`` a longer conversation. ``told`` are the codes
    that the twin may be told of as ``info``; ``verdict`` is that on the twin. ``source`` is a public
    report of such a bug.
    """

    name: str
    code: str
    kinds: tuple[str, ...] = PLAIN
    servers: tuple[str, ...] = ()
    says: str = ""
    script: tuple[Step, ...] = ()
    subprotocols: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    rest: str = ""
    path_params: tuple[tuple[str, str], ...] = ()
    told: frozenset[str] = frozenset()
    verdict: str = "healthy"
    source: str = ""
    app: str = field(default="", kw_only=True)

    def route(self, *, bug: bool) -> str:
        return f"/{self.name}-{'bug' if bug else 'ok'}{self.rest}"

    def options(self, *, bug: bool) -> tuple[Options, ...]:
        """How the buggy one, or the twin, is checked, on every server.

        The buggy one at every moment of the kinds of its row. The twin at every moment of those
        kinds that reach it in different ways, and at the named moments of all others; at every
        moment of all of them if the environment says ZOO=whole, which takes five times as long. With
        a bystander, either is met at two named moments.
        """
        if bug:
            chosen = self._options(self.kinds, self.servers)
            return (_beside(chosen) if self.kinds in {BESIDE, STALLED} else chosen,)
        if os.environ.get("ZOO") == "whole":
            return (self._options(DEFAULT_KINDS), _beside(self._options(BYSTANDER_KINDS)))
        named = tuple(kind for kind in DEFAULT_KINDS if kind not in SWEPT)
        return (
            self._options(SWEPT),
            replace(self._options(named), depth="quick"),
            _beside(self._options(BYSTANDER_KINDS)),
        )

    def _options(self, kinds: tuple[str, ...], servers: tuple[str, ...] = ()) -> Options:
        return Options(
            kinds=kinds,
            servers=servers,
            script=self.script or ((SendStep(text=self.says),) if self.says else ()),
            subprotocols=self.subprotocols,
            headers=self.headers,
            path_params=dict(self.path_params),
            depth="full",
        )


def _beside(options: Options) -> Options:
    return replace(options, moments=("idle", "mid-send"))


def refusing(name: str, code: str, *, source: str = "") -> Pair:
    """A pair that refuses its client: correctly, there is nothing to check."""
    return Pair(name, code, told=frozenset({"WSD002"}), verdict="nothing-checked", source=source)
