"""Handlers, listeners, routers and lifespans that are given without the app they belong to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from wsdoctor.target import TargetSpec, concrete_path, load

if TYPE_CHECKING:
    from collections.abc import Callable

# How the handlers here declare their parameters works in every version; the newest wants it said.
pytestmark = pytest.mark.filterwarnings("ignore:.*declared using deprecated inferred style")

SOURCE = """\
from __future__ import annotations

import asyncio
import functools
from contextlib import asynccontextmanager
from typing import AsyncGenerator

from fastapi import APIRouter, WebSocket as FastAPIWebSocket
from litestar import Controller, Router, WebSocket, get, websocket
from litestar.handlers import WebsocketListener, websocket_listener, websocket_stream

@websocket("/raw/{room:str}")
async def raw(socket: WebSocket, room: str) -> None:
    await socket.accept()
    await socket.send_text(room)

@websocket(["/one", "/two"])
async def twice(socket: WebSocket) -> None:
    await socket.accept()

def traced(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        return await function(*args, **kwargs)
    return wrapper

@websocket("/traced")
@traced
async def decorated(
    socket: WebSocket,
) -> None:
    await socket.accept()

@websocket_listener("/listen")
async def listen(data: str) -> str:
    return data

@websocket_listener("/sync")
def listen_in_thread(data: str) -> str:
    return data

@websocket_stream("/stream")
async def stream() -> AsyncGenerator[str, None]:
    yield "streamed"

class Echo(WebsocketListener):
    path = "/echo"

    async def on_receive(self, data: str) -> str:
        return data

class Rooms(Controller):
    path = "/rooms"

    @get("/")
    async def index(self) -> str:
        return ""

    @websocket("/live")
    async def live(self, socket: WebSocket) -> None:
        await socket.accept()

router = Router("/api", route_handlers=[raw, Echo])

@asynccontextmanager
async def lifespan(socket: WebSocket) -> AsyncGenerator[None, None]:
    await socket.accept()
    try:
        yield
    except Exception:
        pass

fast = APIRouter(prefix="/fast")

@fast.websocket("/{number}")
async def numbered(websocket: FastAPIWebSocket, number: int) -> None:
    await websocket.accept()
    await websocket.send_text(str(number))
    await websocket.close()
"""

ACCEPT, HELLO, CLOSE = "websocket.accept", "websocket.send hello", "websocket.close"


@pytest.mark.parametrize(
    "name, kind, path, line, sent",
    [
        ("raw", "handler", "/raw/{room:str}", "async def raw(", [ACCEPT, "websocket.send x"]),
        ("decorated", "handler", "/traced", "async def decorated(", [ACCEPT]),
        ("listen", "handler", "/listen", "async def listen(", [ACCEPT, HELLO]),
        ("listen_in_thread", "handler", "/sync", "def listen_in_thread(", [ACCEPT, HELLO]),
        ("stream", "handler", "/stream", "async def stream(", [ACCEPT]),
        ("Echo", "listener", "/echo", "    async def on_receive(", [ACCEPT, HELLO]),
        ("Rooms", "handler", "/rooms/live", "    async def live(", [ACCEPT]),
        ("lifespan", "lifespan", "/", "async def lifespan(", [ACCEPT, HELLO]),
        ("fast", "handler", "/fast/{number}", "async def numbered(", [ACCEPT, "websocket.send 1"]),
    ],
)
def test_bare(
    *,
    write: Callable[..., Path],
    connect: Callable[..., list[str]],
    name: str,
    kind: str,
    path: str,
    line: str,
    sent: list[str],
) -> None:
    file = write(SOURCE)
    target = load(TargetSpec(f"app:{name}"))
    assert (target.kind, target.framework) == (kind, "fastapi" if name == "fast" else "litestar")
    (route,) = target.routes
    assert (route.path, target.mounts) == (path, ())
    assert route.handler is not None
    assert (Path(route.handler.file), route.handler.user) == (file, True)
    assert SOURCE.splitlines()[route.handler.line - 1].startswith(line)
    assert route.handler_name == route.handler.function
    # Twice: frameworks note in a handler which app it belongs to.
    apps = [target.build(), target.build()]
    assert apps[0] is not apps[1]
    for app in apps:
        assert connect(app, concrete_path(route, {}))[: len(sent)] == sent


def test_bare_with_more_routes_than_one(write: Callable[..., Path]) -> None:
    write(SOURCE)
    assert [route.path for route in load(TargetSpec("app:twice")).routes] == ["/one", "/two"]
    routes = load(TargetSpec("app:router")).routes
    assert [route.path for route in routes] == ["/api/raw/{room:str}", "/api/echo"]
    assert [route.handler_name for route in routes] == ["raw", "Echo.on_receive"]


def test_a_handler_that_is_registered_already(write: Callable[..., Path]) -> None:
    write(SOURCE + "\nfrom litestar import Litestar\napp = Litestar([raw, Echo, router])")
    assert len(load(TargetSpec("app:raw")).routes) == 1
    assert len(load(TargetSpec("app:router")).routes) == 2
    assert len(load(TargetSpec("app:app")).routes) == 4


def test_a_lifespan_whose_types_are_for_type_checkers_alone(
    write: Callable[..., Path], connect: Callable[..., list[str]]
) -> None:
    write("""
        from __future__ import annotations
        from contextlib import asynccontextmanager
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from collections.abc import AsyncGenerator
            from litestar import WebSocket

        @asynccontextmanager
        async def lifespan(socket: WebSocket) -> AsyncGenerator[None, None]:
            await socket.accept()
            yield
    """)
    target = load(TargetSpec("app"))
    assert (target.kind, target.framework, target.spec) == ("lifespan", "litestar", "app:lifespan")
    assert connect(target.build(), "/")[:2] == [ACCEPT, HELLO]
