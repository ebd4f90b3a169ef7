"""What a row of the zoo says: a handler with one defect, and its closest correct twin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from tests import shares
from wsdoctor.options.check import Options
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
    """A row: ``code`` is the rule that the buggy handler breaks; only marked lines may have findings.

    ``app`` is the module in ``apps`` that holds both, from the name of the file of rows.
    ``rest`` is what comes after its name in the path, with ``path_params`` for what is open in it.
    ``says`` is the first message of the client, ``script`` a longer conversation. ``told`` are the codes
    that the twin may have as ``info``; ``verdict`` is the verdict on the twin. ``source`` is a public
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

        At the named moments: the buggy one at the kinds of its row on each server, the twin at all kinds,
        on one server unless it is ``swept``. If it is, every moment is added, on one server: of the kinds of
        its row, or for the twin of those kinds that reach it in different ways, also with a message that is
        made up; and what is beside a bystander, at two named moments. If the environment says ZOO=all, that
        is on each server, and if it says ZOO=whole, the twin is swept at all kinds, which takes five times
        as long. A defect that is between the named moments is always swept, on each server.
        """
        if bug:
            chosen = self._options(self.kinds, self.servers)
            if self.kinds in {BESIDE, STALLED}:
                return (_beside(chosen),)
            one = self._on_one(chosen)
            if self.between or (swept and one == chosen):
                return (chosen,)
            return (_named(chosen), one) if swept else (_named(chosen),)
        twin = self._options((*DEFAULT_KINDS, *BACK))
        beside = _beside(self._options(BYSTANDER_KINDS))
        if shares.chosen() == "whole":
            return (_spoken_to(twin), beside)
        if not swept:
            return (_named(self._on_one(twin)),)
        return (
            _spoken_to(self._on_one(self._options((*SWEPT, *BACK)))),
            _named(twin),
            beside,
        )

    def _on_one(self, options: Options) -> Options:
        """``options`` for one server, each day another one."""
        servers = options.servers or tuple(SERVERS)
        one = tuple(shares.one_of(servers, self.app))
        return options if one == servers else replace(options, servers=one)

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


def _named(options: Options) -> Options:
    return replace(options, depth="quick")


def _spoken_to(options: Options) -> Options:
    return replace(options, made_up_message=True)


def refusing(name: str, code: str, *, source: str = "") -> Pair:
    """A pair that refuses its client: correctly, there is nothing to check."""
    return Pair(name, code, told=frozenset({"WSD002"}), verdict="nothing-checked", source=source)
