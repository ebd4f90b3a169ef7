"""What a row of the zoo says: a handler with one defect, and its closest correct twin."""

from __future__ import annotations

from dataclasses import dataclass, field

from msgspec.structs import replace

from tests import shares
from wsdoctor.explore.options import Options
from wsdoctor.plan.kinds import BYSTANDER_KINDS, DEFAULT_KINDS
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import RECONNECT, SendStep, Step

PLAIN = ("close",)
"""The kinds at which a defect is looked for unless its row says more: its twin is met at all."""

STAYS = ("close", "stall-close")
"""For what the handler does while the client is still there."""


BESIDE = ("close+bystander", "abort+bystander")
"""For what another client gets when one has left …"""

STALLED = ("stall+bystander",)
"""… or has stopped reading."""

BACK = (RECONNECT,)
"""For what the same client gets when it comes back."""

AND_LEAVES = ("vanish", *BACK)
"""… and when it comes back and leaves again before its old connection is known to be dead."""

SWEPT = ("close", "abort")
"""The client says that it leaves, or is simply gone."""


@dataclass(frozen=True)
class Pair:
    """A row: ``code`` is what the buggy handler must be found for, and nothing else but what is marked.

    ``app`` is the module in ``apps`` that holds both, from the name of the file of rows.
    ``rest`` is what comes after its name in the path, with ``path_params`` for what is open in it.
    ``says`` is what the client sends first, ``script`` a longer conversation. ``told`` are the codes
    that the twin may be told of as ``info``; ``verdict`` is that on the twin. ``source`` is a public
    report of such a bug. ``between``: no named moment shows all of it.
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
    between: bool = False
    app: str = field(default="", kw_only=True)

    def route(self, *, bug: bool) -> str:
        return f"/{self.name}-{'bug' if bug else 'ok'}{self.rest}"

    def options(self, *, bug: bool, swept: bool = True) -> tuple[Options, ...]:
        """How the buggy one, or the twin, is checked.

        ``swept``: the buggy one at every moment of the kinds of its row, and the twin at every moment
        of those kinds that reach it in different ways, also with a message that is made up; at the
        named moments of all others; and beside a bystander, at two named moments. At every moment of
        all of them if the environment says ZOO=whole, which takes five times as long. Otherwise both
        at the named moments, the twin on one server; a defect that is between them is swept always.
        """
        if bug:
            chosen = self._options(self.kinds, self.servers)
            if self.kinds in {BESIDE, STALLED}:
                return (_beside(chosen),)
            return (chosen if swept or self.between else replace(chosen, depth="quick"),)
        beside = _beside(self._options(BYSTANDER_KINDS))
        if shares.chosen() == "whole":
            return (_spoken_to(self._options((*DEFAULT_KINDS, *BACK))), beside)
        if not swept:
            server = tuple(shares.one_of(tuple(SERVERS), self.app))
            return (replace(self._options((*DEFAULT_KINDS, *BACK), server), depth="quick"),)
        named = tuple(kind for kind in DEFAULT_KINDS if kind not in SWEPT)
        return (
            _spoken_to(self._options((*SWEPT, *BACK))),
            replace(self._options(named), depth="quick"),
            beside,
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
            made_up_message=False,
        )


def _beside(options: Options) -> Options:
    return replace(options, moments=("idle", "mid-send"))


def _spoken_to(options: Options) -> Options:
    return replace(options, made_up_message=True)


def refusing(name: str, code: str, *, source: str = "") -> Pair:
    """A pair that refuses its client: correctly, there is nothing to check."""
    return Pair(name, code, told=frozenset({"WSD002"}), verdict="nothing-checked", source=source)
