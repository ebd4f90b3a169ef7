"""What the caller of a check may choose, and what a check asks of its surroundings."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct
from msgspec.structs import asdict, replace

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.fault import Shown
from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.plan.budget import ANSWER_TIME, CONFIRM_TIME, STARTUP_TIME
from wsdoctor.recording.case import Case, Step
from wsdoctor.recording.recording import GRACE
from wsdoctor.report.secrets import secrets_of

AUTO = 0
"""As many workers as there are processors and work for them."""


Confirm = Literal["none", "loopback", "emitted"]


class Reach(Struct, frozen=True, kw_only=True):
    """What gets a client to the handler of one route, in the place of the Options' own."""

    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    path_params: dict[str, str] = {}
    script: tuple[Step, ...] = ()
    driver: str = ""
    probes: tuple[str, ...] = ()


class Options(Struct, frozen=True, kw_only=True):
    """Empty tuples mean: all servers that are installed, all kinds, the named moments, all routes.

    ``grace`` is in seconds of ``clock``. ``depth`` is ``quick`` (the named moments) or ``full``
    (every moment of the connection's life; on the virtual clock only, and unless ``moments`` are
    given). ``startup_time``: wall seconds that the application has to start; ``answer_time``: those
    for which the virtual clock waits for an answer from outside. ``bystander``: with no ``kinds`` given, and on the virtual clock, also cases in which a
    second client is there and stays. ``made_up_message``: where the script sends nothing, also hold a
    conversation with a message that is made up from the handler's source (on the virtual clock).
    ``later_clients``: also look at a client that comes late, and at one that comes third. ``probes`` must be as before when a connection has ended.
    ``workers`` is the number of processes, AUTO for what the machine has. ``shard`` is the
    number of this share of the work and of all shares. ``max_time`` is in wall seconds: what
    goes on then is ended. ``confirm`` says how findings are confirmed: on ``loopback`` (the case again, on real
    sockets), and by their ``emitted`` tests as well, none of which begins later than ``confirm_time``
    wall seconds after the first. ``driver`` is the user's coroutine function (``file.py:function``) that opens the
    connection and drives it, before ``script``. ``routes`` want something of their own. ``hidden`` are
    more texts that must not be written, beside the values of headers, cookies and queries.
    """

    servers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    path_params: dict[str, str] = {}
    script: tuple[Step, ...] = ()
    probes: tuple[str, ...] = ()
    driver: str = ""
    clock: Literal["virtual", "wall"] = "virtual"
    depth: Literal["quick", "full"] = "quick"
    grace: float = GRACE
    startup_time: float = STARTUP_TIME
    answer_time: float = ANSWER_TIME
    workers: int = 1
    shard: tuple[int, int] | None = None
    max_time: float | None = None
    confirm: Confirm = "loopback"
    confirm_time: float = CONFIRM_TIME
    bystander: bool = True
    made_up_message: bool = True
    later_clients: bool = True
    routes: dict[str, Reach] = {}
    hidden: tuple[str, ...] = ()

    @property
    def drivers(self) -> tuple[str, ...]:
        """Every driver that may be wanted, each once."""
        named = (self.driver, *(own.driver for own in self.routes.values()))
        return tuple(dict.fromkeys(filter(None, named)))

    @property
    def every_probe(self) -> tuple[str, ...]:
        """Every probe that may be read, each once."""
        own = (probe for reach in self.routes.values() for probe in reach.probes)
        return tuple(dict.fromkeys((*self.probes, *own)))

    def at(self, route: str) -> Options:
        """The same, with what ``route`` wants of its own."""
        own = self.routes.get(route)
        return self if own is None else replace(self, **asdict(own), routes={})

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must not be written, the longest first."""
        every = [self, *(self.at(route) for route in self.routes)]
        return secrets_of(
            headers=(pair for one in every for pair in one.headers),
            cookies=(pair for one in every for pair in one.cookies),
            query=(pair for one in every for pair in one.query),
            hidden=self.hidden,
        )

    @property
    def narrowed(self) -> bool:
        """Whether some cases of the routes are left out: what does not come up may be there still."""
        return any((self.servers, self.kinds, self.moments, self.max_time))

    @property
    def sweeps(self) -> bool:
        """Whether every moment is asked for, and can be had."""
        return self.depth == "full" and not self.moments and self.clock == "virtual"


class Progress(Protocol):
    """Told how far a run is."""

    def planned(self, total: int) -> None:
        """``total`` more cases are going to be run, or fewer if it is negative."""

    def case_done(self, result: CaseResult) -> None:
        """One of them is done."""


class Runner(Protocol):
    """Runs and diagnoses cases, in this process or in another."""

    def run(
        self,
        case: Case,
        *,
        fresh: bool,
        network: Literal["memory", "loopback"] = "memory",
        keep: bool = True,
        trace: bool = False,
    ) -> Diagnosed:
        """The diagnosis of ``case``.

        ``fresh``: on an application that has served nobody yet. ``keep`` the events of the
        Recording even if nothing is wrong with it. ``trace``: also note the user's lines that run.
        Raises OutOfTimeError.
        """

    def compare(self, form: str, server: str, kind: str) -> frozenset[Shown]:
        """What the smallest correct application of ``form`` shows at that kind of disconnect."""

    def close(self) -> None:
        """End what runs; called from another thread, and then ``run`` may raise anything."""


class NoProgress:
    """A Progress that nobody looks at."""

    def planned(self, total: int) -> None:
        pass

    def case_done(self, result: CaseResult) -> None:
        pass
