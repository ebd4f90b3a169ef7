"""The packages that are checked, how a user checks each, and what comes of it.

``docs/downstream.md`` explains every finding. ``Found`` is what a finding must be like; ``who`` is the
user's file and line, or the package at fault. ``maybe`` are those that depend on chance: the order of a
set of tasks is that of their addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Found(NamedTuple):
    code: str
    fault: str
    who: str


@dataclass(frozen=True)
class Package:
    """``app`` is a file in ``apps/`` with an ``app``; ``driver`` a function in it; ``options`` what else is given.

    ``quick``: the named moments only, for what leaves something behind that every case has to wait for.
    """

    name: str
    app: str
    driver: str = ""
    options: tuple[str, ...] = ()
    quick: bool = False
    exit_code: int = 0
    found: frozenset[Found] = frozenset()
    maybe: frozenset[Found] = frozenset()

    @property
    def arguments(self) -> tuple[str, ...]:
        """What reaches the handler: for ``check``, and for ``replay``."""
        driver = ("--driver", f"{self.app}:{self.driver}") if self.driver else ()
        return (f"{self.app}:app", *driver, *self.reach)

    @property
    def reach(self) -> tuple[str, ...]:
        """Those of ``options`` that ``replay`` takes, too."""
        pairs = zip(self.options[::2], self.options[1::2], strict=True)
        return tuple(
            word for name, value in pairs if name.startswith("--send") for word in (name, value)
        )


APP, PACKAGE, FRAMEWORK, SERVER = "app", "package", "framework", "server"

PACKAGES = (
    Package(
        "strawberry-graphql",
        "strawberry_app.py",
        "subscribe",
        ("--send-json", '{"type": "ping"}'),
    ),
    Package(
        "strawberry-graphql, legacy",
        "strawberry_app.py",
        "subscribe_legacy",
        (
            "--send-json",
            '{"id": "1", "type": "start", "payload": {"query": "subscription { count }"}}',
        ),
        found=frozenset(
            {
                Found("WSD201", PACKAGE, "strawberry"),
                Found("WSD302", PACKAGE, "strawberry"),
                Found("WSD302", SERVER, ""),
            }
        ),
    ),
    Package(
        "ariadne",
        "ariadne_app.py",
        "subscribe",
        ("--send-json", '{"type": "ping"}'),
        found=frozenset(
            {
                Found("WSD101", PACKAGE, "ariadne"),
                Found("WSD102", PACKAGE, "ariadne"),
                Found("WSD301", PACKAGE, "ariadne"),
            }
        ),
    ),
    Package(
        "python-socketio",
        "socketio_app.py",
        "direct",
        ("--send", '42["chat message","again"]'),
        quick=True,
        found=frozenset({Found("WSD301", PACKAGE, "engineio")}),
    ),
    Package("python-engineio", "socketio_app.py", "upgrade", quick=True),
    Package(
        "pycrdt-websocket",
        "pycrdt_app.py",
        "synchronize",
        ("--path", "/my-room"),
        found=frozenset(
            {
                Found("WSD202", PACKAGE, "pycrdt"),
                Found("WSD301", PACKAGE, "pycrdt"),
                Found("WSD802", SERVER, ""),
            }
        ),
    ),
    Package(
        "broadcaster",
        "broadcaster_app.py",
        "",
        ("--send", "hello"),
        exit_code=1,
        found=frozenset(
            {
                Found("WSD104", FRAMEWORK, "broadcaster_app.py:27"),
                Found("WSD202", APP, "broadcaster_app.py:16"),
                Found("WSD802", SERVER, ""),
            }
        ),
    ),
    Package(
        "fastapi-websocket-pubsub",
        "pubsub_app.py",
        "subscribe",
        (
            "--send-json",
            '{"request": {"method": "_ping_", "arguments": {}, "call_id": "2"}}',
        ),
        found=frozenset({Found("WSD203", PACKAGE, "fastapi_websocket_rpc")}),
    ),
    Package(
        "channels",
        "channels_app.py",
        "",
        ("--path", "/ws/chat/lobby/", "--send-json", '{"message": "hi"}'),
        found=frozenset({Found("WSD802", SERVER, "")}),
    ),
    Package(
        "nicegui",
        "nicegui_app.py",
        "browse",
        ("--path", "/_nicegui_ws/socket.io/"),
        quick=True,
        found=frozenset(
            {Found("WSD301", PACKAGE, "engineio"), Found("WSD301", PACKAGE, "nicegui")}
        ),
    ),
    Package(
        "python-fasthtml",
        "fasthtml_app.py",
        "",
        ("--send-json", '{"msg": "you"}'),
        exit_code=1,
        found=frozenset(
            {
                Found("WSD201", APP, "fasthtml_app.py:21"),
                Found("WSD201", PACKAGE, "fasthtml"),
                Found("WSD204", APP, "fasthtml_app.py:22"),
            }
        ),
    ),
    Package("arel", "arel_app.py", "reload"),
    Package(
        "shiny",
        "shiny_app.py",
        "browse",
        ("--send-json", '{"method": "update", "data": {"n:shiny.number": 30}}'),
        found=frozenset({Found("WSD603", PACKAGE, "shiny"), Found("WSD405", PACKAGE, "shiny")}),
    ),
    Package(
        "quart",
        "quart_app.py",
        "",
        ("--path", "/ws", "--send", "hi"),
        exit_code=1,
        found=frozenset(
            {
                Found("WSD201", APP, "quart_app.py:44"),
                Found("WSD304", APP, "quart_app.py:40"),
                Found("WSD101", PACKAGE, "quart"),
            }
        ),
    ),
    Package(
        "litestar",
        "litestar_channels_app.py",
        found=frozenset({Found("WSD101", FRAMEWORK, ""), Found("WSD402", FRAMEWORK, "")}),
        maybe=frozenset({Found("WSD201", FRAMEWORK, "")}),
    ),
)


@dataclass(frozen=True)
class Bug:
    """A case that shows a real bug: its emitted test fails on stock asyncio, uvicorn and websockets."""

    package: str
    case: str
    code: str


BUGS = (
    Bug("ariadne", "/ close@accept+3 uvicorn:websockets-sansio", "WSD101"),
    Bug("pycrdt-websocket", "/my-room close@accept+2 uvicorn:websockets-sansio", "WSD202"),
    Bug("pycrdt-websocket", "/my-room close@accept+2 uvicorn:websockets-sansio", "WSD301"),
    Bug("broadcaster", "/ close@accept+4 uvicorn:websockets-sansio", "WSD202"),
    Bug("fastapi-websocket-pubsub", "/pubsub abort@connect+1 uvicorn:websockets-sansio", "WSD203"),
    Bug("channels", "/ws/chat/lobby/ close@accept+4 uvicorn:websockets", "WSD802"),
    Bug("python-fasthtml", "/ws close@accept+4 uvicorn:websockets-sansio", "WSD201"),
    Bug("quart", "/ws close@connect+1 uvicorn:websockets-sansio", "WSD201"),
    Bug("quart", "/ws close@accept+3 uvicorn:websockets-sansio", "WSD304"),
    Bug("litestar", "/foo oversize@after-accept uvicorn:websockets", "WSD402"),
)
