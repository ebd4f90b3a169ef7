"""What a check goes by: the target, and the options of its run and of its routes.

The types are looked at when the program runs, so this module does not postpone annotations.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from wsdoctor.options import parse
from wsdoctor.options.forms import (
    File,
    Pairs,
    Routes,
    Seconds,
    Shard,
    Steps,
    Table,
    Texts,
    Turns,
    UniqueTexts,
    Workers,
)
from wsdoctor.options.option import HANDSHAKE, PYTHON, RUN, Option, option, options_of
from wsdoctor.options.script import STEP_FORMS
from wsdoctor.plan.budget import ANSWER_TIME, CONFIRM_TIME, STARTUP_TIME
from wsdoctor.recording.grace import GRACE

if TYPE_CHECKING:
    from wsdoctor.recording.case import Step
    from wsdoctor.session.timeouts import Timing

AUTO = 0
"""As many workers as there are processors and work for them."""

Clock = Literal["virtual", "wall"]
Depth = Literal["quick", "full"]
Confirm = Literal["none", "loopback", "emitted"]


@dataclass(frozen=True, kw_only=True)
class TargetOptions:
    """The target of a check. An empty ``target`` is to be discovered."""

    target: str = option(
        "",
        key="target",
        metavar="[TARGET]",
        help="pkg.module:attr or path/to/file.py:attr: an ASGI app, a handler, a listener class "
        "or a connection_lifespan function. Without it: LITESTAR_APP, then what Litestar's own "
        "command would find.",
        setting="The application to check.",
        show_default=False,
    )
    factory: bool = option(
        False,
        "--factory",
        key="factory",
        help="TARGET is a function that returns the application.",
    )
    app_dir: str | None = option(
        None,
        "--app-dir",
        form=File(),
        key="app-dir",
        metavar="DIR",
        help="Import from this directory (default: here).",
        setting="Import from this directory.",
    )


def _servers(name: str) -> str:
    from wsdoctor.plan.servers import parse_server

    return parse_server(name)


def _kinds(name: str) -> str:
    from wsdoctor.plan.kinds import parse_kind

    return parse_kind(name)


def _moments(name: str) -> str:
    from wsdoctor.plan.moments import parse_moment

    return parse_moment(name)


def _send(flag: str, metavar: str, text: str) -> Option:
    return Option(
        flags=(flag,),
        form=Texts(),
        kind=tuple[str, ...],
        name=flag.removeprefix("--").replace("-", "_"),
        default=(),
        metavar=metavar,
        help=text,
        panel=HANDSHAKE,
    )


@dataclass(frozen=True, kw_only=True)
class Options:
    """Empty tuples mean: all servers that are installed, all kinds, the named moments, all routes.

    Times are in wall seconds, except ``grace``, which is in seconds of ``clock``. ``depth`` ``full``
    is possible on the virtual clock only, and unless ``moments`` are given. ``bystander`` needs the
    virtual clock and no ``kinds``; ``made_up_message`` needs the virtual clock and a script that
    sends nothing. ``workers`` may be AUTO.
    """

    paths: tuple[str, ...] = option(
        (),
        "--path",
        form=Texts(),
        key="paths",
        commands={"check", PYTHON},
        metavar="PATH",
        panel=RUN,
        masked="query",
        masked_after="?",
        help="Only this route, as the application declares it; repeatable.",
        setting="Only these routes.",
    )
    headers: tuple[parse.Pair, ...] = option(
        (),
        "--header",
        "-H",
        form=Pairs(parse.headers, sign=": "),
        key="headers",
        scope="route",
        masked="headers",
        commands={"check", "replay", PYTHON},
        metavar="'NAME: VALUE'",
        panel=HANDSHAKE,
        help="A header of the handshake; repeatable.",
        setting="Headers of the handshake.",
    )
    cookies: tuple[parse.Pair, ...] = option(
        (),
        "--cookie",
        form=Pairs(parse.cookies),
        key="cookies",
        scope="route",
        masked="cookies",
        commands={"check", "replay", PYTHON},
        metavar="NAME=VALUE",
        panel=HANDSHAKE,
        help="A cookie of the handshake; repeatable.",
        setting="Cookies of the handshake.",
    )
    query: tuple[parse.Pair, ...] = option(
        (),
        "--query",
        form=Pairs(parse.query),
        key="query",
        scope="route",
        masked="query",
        commands={"check", "replay", PYTHON},
        metavar="KEY=VALUE",
        panel=HANDSHAKE,
        help="A query parameter; repeatable. 'a=1&b=2' is taken as it stands in a URL.",
        setting="Query parameters of the handshake.",
    )
    subprotocols: tuple[str, ...] = option(
        (),
        "--subprotocol",
        form=Texts(commas=True),
        key="subprotocols",
        scope="route",
        commands={"check", "replay", PYTHON},
        metavar="NAME",
        panel=HANDSHAKE,
        help="A subprotocol that the client offers; repeatable.",
        setting="Subprotocols that the client offers.",
    )
    path_params: dict[str, str] = option(
        {},
        "--path-param",
        form=Table(parse.path_params),
        key="path-params",
        scope="route",
        commands={"check", "replay", PYTHON},
        metavar="NAME=VALUE",
        panel=HANDSHAKE,
        help="The value of a path parameter; repeatable.",
        setting="Values of path parameters.",
    )
    script: "tuple[Step, ...]" = option(
        (),
        "--script",
        form=Steps(),
        key="script",
        scope="route",
        commands={"check", "replay", PYTHON},
        metavar="STEPS",
        panel=HANDSHAKE,
        help=f"A file of steps, one a line, or 'step; step': {STEP_FORMS}.",
        setting="What the client does first: "
        f"{', '.join(f'`{step}`' for step in STEP_FORMS.split(', '))}.",
        also=(
            _send(
                "--send",
                "TEXT",
                "Send this text first; repeatable. All --send… are sent in the given order.",
            ),
            _send("--send-json", "JSON", "Send this JSON as text."),
            _send("--send-bytes", "HEX", "Send these bytes, e.g. 'c0ff ee'."),
            _send(
                "--send-file",
                "FILE",
                "Send a file's content in one message: text if it is UTF-8, otherwise bytes.",
            ),
        ),
    )
    driver: str = option(
        "",
        "--driver",
        key="driver",
        scope="route",
        commands={"check", "replay", PYTHON},
        metavar="FILE.PY:FUNC",
        panel=HANDSHAKE,
        help="Your own `async def FUNC(http, ws)`, for handshakes that no option covers: it opens "
        "the connection and drives it, before what is sent by --send… and --script.",
        setting="A coroutine function of your own, `file.py:function`, that opens the connection "
        "and drives it.",
    )
    probes: tuple[str, ...] = option(
        (),
        "--probe",
        form=UniqueTexts(),
        key="probes",
        scope="route",
        commands={"check", "replay", PYTHON},
        metavar="MODULE:ATTR",
        panel=RUN,
        help="A function to call, or an attribute to look at: when a connection has ended it must "
        "be what it was before (of a collection its size counts); repeatable.",
        setting="Functions and attributes, `module:attribute`: after a connection each must be "
        "what it was before.",
    )
    routes: "Mapping[str, Options]" = option(
        {},
        form=Routes(),
        key="routes",
        commands=(),
        setting="Settings of one route, by its path as declared (below).",
    )
    """Options for some routes; only the options that a route may have count."""
    servers: tuple[str, ...] = option(
        (),
        "--ws",
        form=Texts(commas=True, each=_servers),
        key="servers",
        commands={"check", "run", PYTHON},
        metavar="SERVER",
        panel=RUN,
        completion="servers",
        help="Only this server implementation, e.g. wsproto; repeatable, or separated by commas.",
        setting="Only these servers.",
    )
    kinds: tuple[str, ...] = option(
        (),
        "--disconnect",
        form=Texts(commas=True, each=_kinds),
        key="disconnects",
        commands={"check", "run", PYTHON},
        metavar="KIND",
        panel=RUN,
        completion="kinds",
        help="Only this kind of disconnect, e.g. abort; repeatable, or separated by commas.",
        setting="Only these kinds of disconnect.",
    )
    moments: tuple[str, ...] = option(
        (),
        "--at",
        form=Texts(commas=True, each=_moments),
        key="moments",
        commands={"check", "run", PYTHON},
        metavar="MOMENT",
        panel=RUN,
        completion="moments",
        help="Only this moment, e.g. after:2; repeatable, or separated by commas.",
        setting="Only these moments.",
    )
    bystander: bool = option(
        True,
        "--bystander/--no-bystander",
        key="bystander",
        commands={"check", PYTHON},
        panel=RUN,
        help="Also look at what a second client gets while the first one leaves or stalls.",
    )
    made_up_message: bool = option(
        True,
        "--made-up-message/--no-made-up-message",
        key="made-up-message",
        commands={"check", PYTHON},
        panel=RUN,
        help="Without --send, also hold a conversation with a message made up from the handler's "
        "source.",
    )
    depth: Depth = option(
        "quick",
        "--depth",
        key="depth",
        commands={"check", "run", PYTHON},
        defaults={"check": "full", PYTHON: "full"},
        instead={
            "run": Option(
                flags=("--sweep",),
                form=Turns("full", "quick"),
                kind=bool,
                panel=RUN,
                help="Disconnect at every moment of the connection's life.",
            )
        },
        panel=RUN,
        help="full: every moment of a connection's life; quick: the named moments.",
    )
    clock: Clock = option(
        "virtual",
        "--clock",
        key="clock",
        commands={"check", "run", PYTHON},
        panel=RUN,
        help="Virtual time jumps over waiting; wall time is for what virtual time cannot run.",
    )
    grace: float = option(
        GRACE,
        "--grace",
        form=Seconds(parse.MOST_GRACE),
        key="grace",
        commands={"check", "replay", PYTHON},
        metavar="SECONDS",
        panel=RUN,
        help="How long a handler may take to end after the disconnect.",
    )
    startup_time: float = option(
        STARTUP_TIME,
        "--startup-time",
        form=Seconds(),
        key="startup-time",
        commands={"check", "replay", PYTHON},
        metavar="SECONDS",
        panel=RUN,
        help="How long the application may take to start, in real seconds.",
    )
    answer_time: float = option(
        ANSWER_TIME,
        "--answer-time",
        form=Seconds(parse.MOST_ANSWER),
        key="answer-time",
        commands={"check", "replay", PYTHON},
        metavar="SECONDS",
        panel=RUN,
        help="How long virtual time waits for an answer from outside (a database, an upstream), "
        "in real seconds.",
    )
    workers: int = option(
        1,
        "--workers",
        "-w",
        form=Workers(),
        key="workers",
        commands={"check", "run", PYTHON},
        defaults={"check": AUTO},
        metavar="N|auto",
        panel=RUN,
        help="Number of processes that run the cases; auto: as many as there are processors.",
    )
    shard: tuple[int, int] | None = option(
        None,
        "--shard",
        form=Shard(),
        commands={"check"},
        metavar="M/N",
        panel=RUN,
        help="Run only the m-th of n shares of the cases; put their JSON reports together with "
        "wsdoctor merge.",
    )
    max_time: float | None = option(
        None,
        "--max-time",
        form=Seconds(),
        key="max-time",
        commands={"check", "run", PYTHON},
        metavar="SECONDS",
        panel=RUN,
        help="End after this time, whatever is going on; skipped cases are reported, and are never "
        "a pass.",
    )
    confirm: Confirm = option(
        "loopback",
        "--confirm",
        key="confirm",
        commands={"check", "run", PYTHON},
        defaults={"check": "emitted", PYTHON: "emitted"},
        panel=RUN,
        help="How findings are confirmed: on loopback sockets, or by running the emitted test of "
        "each on stock asyncio as well.",
        setting="How findings are confirmed: not at all, on loopback sockets, or by running the "
        "emitted test of each on stock asyncio as well.",
    )
    confirm_time: float = option(
        CONFIRM_TIME,
        "--confirm-time",
        form=Seconds(),
        key="confirm-time",
        commands={"check", "run", PYTHON},
        metavar="SECONDS",
        panel=RUN,
        help="Stop starting emitted tests after SECONDS; the report says how each finding was "
        "confirmed.",
    )
    later_clients: bool = True
    """Also look at a client that comes late, and at one that comes third."""
    hidden: tuple[str, ...] = ()
    """More texts that must not be written, beside the values of headers, cookies and queries."""

    @property
    def drivers(self) -> tuple[str, ...]:
        """Every driver that may be wanted, each once."""
        named = (self.driver, *(own.driver for own in self.routes.values()))
        return tuple(dict.fromkeys(filter(None, named)))

    @property
    def every_probe(self) -> tuple[str, ...]:
        """Every probe that may be read, each once."""
        own = (probe for options in self.routes.values() for probe in options.probes)
        return tuple(dict.fromkeys((*self.probes, *own)))

    def at(self, route: str) -> "Options":
        """The same, with what ``route`` wants of its own."""
        own = self.routes.get(route)
        if own is None:
            return self
        wanted = {item.name: getattr(own, item.name) for item in route_options()}
        return dataclasses.replace(self, **wanted, routes={})

    @property
    def timing(self) -> "Timing":
        """What a session goes by."""
        from wsdoctor.session.timeouts import Timing

        return Timing(**{name: getattr(self, name) for name in Timing.__struct_fields__})

    @property
    def secrets(self) -> tuple[str, ...]:
        """The texts that must not be written, the longest first."""
        from wsdoctor.report.secrets import secrets_of

        pairs: dict[str, list[parse.Pair]] = {}
        for item in route_options():
            if item.masked:
                for one in (self, *self.routes.values()):
                    pairs.setdefault(item.masked, []).extend(getattr(one, item.name))
        return secrets_of(**pairs, hidden=self.hidden)

    @property
    def narrowed(self) -> bool:
        """Whether some cases of the routes are left out: what does not come up may be there still."""
        return any((self.servers, self.kinds, self.moments, self.max_time))

    @property
    def sweeps(self) -> bool:
        """Whether every moment is asked for, and can be had."""
        return self.depth == "full" and not self.moments and self.clock == "virtual"


def route_options() -> tuple[Option, ...]:
    """The options of which a route may have a value of its own."""
    return tuple(item for item in options_of(Options) if item.scope == "route")


class Keywords(TypedDict, total=False):
    """The keywords of ``wsdoctor.check``, as type checkers see them; a test compares them with the options."""

    factory: bool
    app_dir: str | None
    paths: Iterable[str]
    headers: Mapping[str, str] | None
    cookies: Mapping[str, str] | None
    query: Mapping[str, str] | None
    subprotocols: Iterable[str]
    path_params: Mapping[str, str] | None
    script: "Iterable[Step]"
    driver: str
    probes: Iterable[str | Callable[[], Any]]
    servers: Iterable[str]
    kinds: Iterable[str]
    moments: Iterable[str]
    bystander: bool
    made_up_message: bool
    depth: Depth
    clock: Clock
    grace: float
    startup_time: float
    answer_time: float
    workers: int
    max_time: float | None
    confirm: Confirm
    confirm_time: float
