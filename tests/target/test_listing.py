"""The WebSocket routes of each framework, and that the paths offered do reach the handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from wsdoctor.target import Target, TargetSpec, concrete_host, concrete_path, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]
    Connect = Callable[..., list[str]]

# How the handlers here declare their parameters works in every version; the newest wants it said.
pytestmark = pytest.mark.filterwarnings("ignore:.*declared using deprecated inferred style")


def names(target: Target) -> list[tuple[str, str]]:
    return [(route.path, route.handler_name) for route in target.routes]


LITESTAR = """
    from datetime import date, datetime, time, timedelta
    from decimal import Decimal
    from enum import Enum
    from pathlib import Path
    from typing import Literal
    from uuid import UUID
    from litestar import Litestar, WebSocket, asgi, get, websocket

    class Colour(Enum):
        RED = "red"

    @get("/http")
    async def http() -> str:
        return ""
"""


@pytest.mark.parametrize(
    "kind, annotation",
    [
        ("str", "str"),
        ("str", "Colour"),
        ("str", "Literal['b', 'a']"),
        ("int", "int"),
        ("float", "float"),
        ("decimal", "Decimal"),
        ("uuid", "UUID"),
        ("path", "Path"),
        ("date", "date"),
        ("datetime", "datetime"),
        ("time", "time"),
        ("timedelta", "timedelta"),
    ],
)
def test_litestar_parameters(write: Write, connect: Connect, kind: str, annotation: str) -> None:
    write(f"""
        {LITESTAR.replace(chr(10), chr(10) + "    ")}
        @websocket("/p/{{p:{kind}}}")
        async def chat(socket: WebSocket, p: {annotation}) -> None:
            await socket.accept()

        app = Litestar([http, chat])
    """)
    target = load(TargetSpec("app:app"))
    assert names(target) == [(f"/p/{{p:{kind}}}", "chat")]
    assert target.routes[0].params == ("p",)
    assert connect(target.build(), concrete_path(target.routes[0], {})) == ["websocket.accept"]


def test_litestar_parameters_that_say_so(write: Write, connect: Connect) -> None:
    if not hasattr(pytest.importorskip("litestar.params"), "FromPath"):
        pytest.skip("this Litestar has no such annotations yet")
    write("""
        from typing import Annotated, Literal
        from litestar import Litestar, WebSocket, websocket
        from litestar.params import FromPath, PathParameter

        @websocket("/{a:str}/{b:str}")
        async def chat(
            socket: WebSocket,
            a: FromPath[Literal["red"]],
            b: Annotated[Literal["blue"], PathParameter(title="B")],
        ) -> None:
            await socket.accept()

        app = Litestar([chat])
    """)
    target = load(TargetSpec("app:app"))
    assert concrete_path(target.routes[0], {}) == "/red/blue"
    assert connect(target.build(), "/red/blue") == ["websocket.accept"]


def test_litestar_mounts_cannot_be_looked_into(write: Write) -> None:
    write(
        """
        from litestar import Litestar, asgi
        from litestar.types import Receive, Scope, Send
        from starlette.applications import Starlette

        @asgi("/raw", copy_scope=True)
        async def raw(scope: Scope, receive: Receive, send: Send) -> None: ...

        app = Litestar([raw, asgi("/mount", is_mount=True, copy_scope=True)(Starlette())])
        """
    )
    target = load(TargetSpec("app:app"))
    assert target.routes == ()
    assert [(mount.path, mount.opaque) for mount in target.mounts] == [
        ("/raw", True),
        ("/mount", True),
    ]


STARLETTE = """
    from functools import partial
    import litestar, fastapi
    from starlette.applications import Starlette
    from starlette.convertors import Convertor, register_url_convertor
    from starlette.endpoints import WebSocketEndpoint
    from starlette.middleware import Middleware
    from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
    from starlette.staticfiles import StaticFiles

    class Year(Convertor):
        regex = r"\\d{4}-\\d\\d-\\d\\d"
        def convert(self, value): return value
        def to_string(self, value): return value

    register_url_convertor("day", Year())

    async def chat(websocket, extra=None):
        await websocket.accept()
        await websocket.close()

    class Endpoint(WebSocketEndpoint):
        encoding = "text"

    class Log:
        def __init__(self, app): self.app = app
        async def __call__(self, scope, receive, send): await self.app(scope, receive, send)

    async def raw(scope, receive, send):
        await send({"type": "websocket.accept"})

    @litestar.websocket("/{room:int}")
    async def room(socket: litestar.WebSocket, room: int) -> None:
        await socket.accept()

    api = fastapi.FastAPI(openapi_url=None)

    @api.websocket("/live/{level}")
    async def live(websocket: fastapi.WebSocket, level: int):
        await websocket.accept()

    app = Starlette(routes=[
        Route("/http", lambda request: None),
        WebSocketRoute("/ws/{a}/{b:int}/{c:float}/{d:uuid}/{e:day}/{f:path}", chat),
        WebSocketRoute("/partial", partial(chat, extra=1)),
        WebSocketRoute("/endpoint", Endpoint),
        WebSocketRoute("/asgi", Log(Log(chat))),
        Mount("/{tenant}/m", routes=[
            WebSocketRoute("/", chat),
            Mount("/deep", app=Router([WebSocketRoute("/ws", chat)])),
        ]),
        Mount("/logged", routes=[WebSocketRoute("/ws", chat)], middleware=[Middleware(Log)]),
        Mount("/lite", app=Log(litestar.Litestar([room]))),
        Mount("/fast", app=api),
        Mount("/files", app=StaticFiles(directory=".")),
        Mount("/raw", app=raw),
        Host("{org}.example.org", app=Router([WebSocketRoute("/host", chat)])),
        Mount("", routes=[WebSocketRoute("/unprefixed", chat)]),
    ])
"""


def test_starlette(write: Write, connect: Connect) -> None:
    write(STARLETTE)
    target = load(TargetSpec("app:app"))
    assert names(target) == [
        ("/ws/{a}/{b:int}/{c:float}/{d:uuid}/{e:day}/{f:path}", "chat"),
        ("/partial", "chat"),
        ("/endpoint", "Endpoint"),
        ("/asgi", "Log"),
        ("/{tenant}/m/", "chat"),
        ("/{tenant}/m/deep/ws", "chat"),
        ("/logged/ws", "chat"),
        ("/lite/{room:int}", "room"),
        ("/fast/live/{level}", "live"),
        ("/host", "chat"),
        ("/unprefixed", "chat"),
    ]
    assert target.routes[0].params == ("a", "b", "c", "d", "e", "f")
    assert target.routes[4].params == ("tenant",)
    assert target.routes[9].params == ("org",)
    assert [(mount.path, mount.handler_name) for mount in target.mounts] == [("/raw", "raw")]
    for route in target.routes:
        if route.path != "/asgi":
            path, host = concrete_path(route, {}), concrete_host(route, {})
            assert connect(target.build(), path, host)[0] == "websocket.accept", route.path


FASTAPI = """
    from datetime import date
    from enum import Enum
    from typing import Annotated, Literal
    from uuid import UUID
    from fastapi import APIRouter, Depends, FastAPI, Path, WebSocket
    from starlette.routing import Host, Mount, Router, WebSocketRoute

    class Colour(str, Enum):
        RED = "red"

    def user(user_id: int) -> int:
        return user_id

    async def plain(websocket: WebSocket) -> None:
        await websocket.accept()

    inner = APIRouter(prefix="/inner")

    @inner.websocket("/{n}/{day}/{colour}/{key}")
    async def annotated(
        websocket: WebSocket, n: int, day: date, colour: Colour, key: UUID
    ) -> None:
        await websocket.accept()

    @inner.websocket("/u/{user_id}/{size}/deep/{rest:path}")
    async def depends(
        websocket: WebSocket,
        user: Annotated[int, Depends(user)],
        size: Annotated[int, Path(ge=10, examples=[12])],
        rest: str,
    ) -> None:
        await websocket.accept()

    outer = APIRouter(prefix="/outer")
    outer.include_router(inner, prefix="/v1")
    outer.routes.append(WebSocketRoute("/plain", plain))
    outer.mount("/mounted", Router([WebSocketRoute("/ws", plain)]))

    app = FastAPI()

    @app.websocket("/top")
    async def top(websocket: WebSocket) -> None:
        await websocket.accept()

    app.include_router(outer, prefix="/api")
    app.mount("/sub", Router([WebSocketRoute("/ws", plain)]))

    @inner.websocket("/late")
    async def late(websocket: WebSocket) -> None:
        await websocket.accept()
"""


def test_fastapi(write: Write, connect: Connect) -> None:
    write(FASTAPI)
    target = load(TargetSpec("app:app"))
    found = names(target)
    # Whether a router's later routes count depends on the version; what is listed must be there.
    if ("/api/outer/v1/inner/late", "late") in found:
        found.remove(("/api/outer/v1/inner/late", "late"))
    if ("/api/mounted/ws", "plain") in found:
        found.remove(("/api/mounted/ws", "plain"))
    assert found == [
        ("/top", "top"),
        ("/api/outer/v1/inner/{n}/{day}/{colour}/{key}", "annotated"),
        ("/api/outer/v1/inner/u/{user_id}/{size}/deep/{rest:path}", "depends"),
        ("/api/plain", "plain"),
        ("/sub/ws", "plain"),
    ]
    for route in target.routes:
        path = concrete_path(route, {})
        assert connect(target.build(), path) == ["websocket.accept"], path


def test_routers_in_a_circle_come_to_an_end(write: Write) -> None:
    write("""
        from starlette.routing import Mount, Router, WebSocketRoute
        async def chat(websocket): ...
        app = Router([WebSocketRoute("/ws", chat)])
        app.routes.append(Mount("/again", app=app))
    """)
    assert names(load(TargetSpec("app:app")))[:2] == [("/ws", "chat"), ("/again/ws", "chat")]


def test_what_has_no_source_has_no_location(write: Write) -> None:
    write("""
        from starlette.applications import Starlette
        from starlette.routing import WebSocketRoute
        app = Starlette(routes=[WebSocketRoute("/ws", print)])
    """)
    (route,) = load(TargetSpec("app:app")).routes
    assert route.handler is None
