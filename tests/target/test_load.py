"""Each form of a spec, and each kind of thing that it may mean."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from wsdoctor.target import TargetError, TargetSpec, adopt, load

if TYPE_CHECKING:
    from collections.abc import Callable

    Write = Callable[..., Path]
    Connect = Callable[..., list[str]]

LITESTAR = """
    from litestar import Litestar, WebSocket, websocket

    @websocket("/ws")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        await socket.close()

    app = Litestar([chat])
"""

RAW = """
    async def app(scope, receive, send):
        await send({"type": "websocket.accept"})
"""


@pytest.mark.parametrize(
    "file, spec, found",
    [
        ("app.py", "app:app", "app:app"),
        ("app.py", "app", "app:app"),
        ("app.py", "app.py:app", "app.py:app"),
        ("app.py", "app.py", "app.py:app"),
        ("app.py", "./app.py:app", "./app.py:app"),
        ("src/app.py", "src/app.py:app", "src/app.py:app"),
        ("my-app.v2.py", "my-app.v2.py:app", "my-app.v2.py:app"),
        ("code.py", "code.py:app", "code.py:app"),  # a name of the standard library's
        ("pkg/mod.py", "pkg.mod:app", "pkg.mod:app"),
    ],
)
def test_form(write: Write, file: str, spec: str, found: str) -> None:
    path = write(RAW, file)
    target = load(TargetSpec(spec))
    assert (target.spec, target.kind, target.framework) == (found, "app", "asgi")
    assert target.routes[0].handler is not None
    assert Path(target.routes[0].handler.file) == path
    assert target.routes[0].handler.user


def test_absolute_path(write: Write, tmp_path: Path) -> None:
    path = write(RAW, "deep/er/app.py")
    assert load(TargetSpec(f"{path}:app")).spec == f"{path}:app"
    assert sys.path[0] == str(tmp_path / "deep" / "er")


def test_dotted_attribute(write: Write) -> None:
    write(RAW + "\n    class api:\n        main = app\n")
    # A function in a class is found as it is: no instance, nothing bound.
    assert load(TargetSpec("app:api.main")).spec == "app:api.main"


def test_app_dir(write: Write, tmp_path: Path) -> None:
    write(RAW, "backend/main.py")
    assert load(TargetSpec("main:app", app_dir="backend")).spec == "main:app"
    assert load(TargetSpec("main.py:app", app_dir="backend")).spec == "main.py:app"
    assert load(TargetSpec("main:app", app_dir=str(tmp_path / "backend"))).spec == "main:app"


def test_a_file_is_known_by_its_name_before_it_runs(write: Write) -> None:
    write(f"import sys\nassert sys.modules[__name__].__file__ == __file__\n{dedent(RAW)}")
    target = load(TargetSpec("app.py:app"))
    assert target.build() is sys.modules["app"].app


def test_a_file_that_runs_already_is_not_run_again(write: Write) -> None:
    write(RAW)
    assert load(TargetSpec("app.py:app")).build() is load(TargetSpec("app:app")).build()


def test_two_files_of_one_name(write: Write) -> None:
    write(RAW, "one/app.py")
    write(RAW, "two/app.py")
    one = load(TargetSpec("one/app.py:app"))
    two = load(TargetSpec("two/app.py:app"))
    assert one.build() is not two.build()
    assert load(TargetSpec("two/app.py:app")).build() is two.build()


def test_a_file_in_a_package_has_its_relative_imports(write: Write, tmp_path: Path) -> None:
    write("", "shop/__init__.py")
    write("", "shop/ws/__init__.py")
    write("NAME = 'shop'", "shop/config.py")
    write("from ..config import NAME\n" + dedent(RAW), "shop/ws/chat.py")
    target = load(TargetSpec("shop/ws/chat.py:app"))
    assert sys.path[0] == str(tmp_path)
    assert sys.modules["shop.ws.chat"].app is target.build()
    assert target.user_code.roots == (str(tmp_path / "shop"),)


def test_the_init_of_a_package(write: Write) -> None:
    write(RAW, "shop/__init__.py")
    load(TargetSpec("shop/__init__.py:app"))
    assert "shop" in sys.modules


def test_an_installed_package_is_user_code(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("from shop.chat import app", "site-packages/shop/__init__.py")
    write(RAW, "site-packages/shop/chat.py")
    monkeypatch.syspath_prepend(path.parent.parent)
    target = load(TargetSpec("shop:app"))
    assert target.routes[0].handler is not None
    assert target.routes[0].handler.user
    assert not target.user_code.is_user(str(path.parents[1] / "other.py"))


def test_of_a_namespace_package_only_the_portion_is_user_code(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(RAW, "site-packages/company/shop/__init__.py")
    monkeypatch.syspath_prepend(path.parents[2])
    target = load(TargetSpec("company.shop:app"))
    assert target.user_code.roots == (str(path.parent),)


@pytest.mark.parametrize(
    "source, attribute",
    [
        ("application = Litestar()", "application"),
        ("def create_app(): return Litestar()", "create_app"),
        ("application = 1\nserver = Litestar()", "server"),
        ("server = Litestar()\nsame = server", "server"),
        ("@websocket('/')\nasync def ws(socket: WebSocket) -> None: ...\nsame = ws", "ws"),
        ("server = Litestar()\nasync def raw(scope, receive, send): ...", "server"),
        ("async def raw(scope, receive, send): ...\ndef make() -> Litestar: ...", "raw"),
        ("def server() -> Litestar: return Litestar()\ndef other(): ...", "server"),
        ("def drop_app(): raise SystemExit\nasync def raw(scope, receive, send): ...", "raw"),
        (
            "server = Litestar()\n@websocket('/')\nasync def ws(socket: WebSocket) -> None: ...",
            "server",
        ),
    ],
)
def test_without_attribute(write: Write, source: str, attribute: str) -> None:
    write(f"from litestar import Litestar, WebSocket, websocket\n{source}")
    assert load(TargetSpec("app")).spec == f"app:{attribute}"


@pytest.mark.parametrize("spec", ["app:make", "app:make()"])
def test_factory_is_called_anew_for_every_app(write: Write, spec: str) -> None:
    write("from litestar import Litestar\ndef make(*, debug=True): return Litestar()")
    target = load(TargetSpec(spec, factory=not spec.endswith("()")))
    assert (target.kind, target.framework, target.spec) == ("factory", "litestar", "app:make")
    assert target.build() is not target.build()


@pytest.mark.parametrize(
    "head",
    [
        "def create_app():",
        "def app_factory():",
        "def get_asgi_application(settings=None):",
        "def server() -> Litestar:",
        "def server() -> 'litestar.Litestar':",
    ],
)
def test_factory_is_recognised(write: Write, head: str) -> None:
    name = head.partition("(")[0].removeprefix("def ")
    write(f"from litestar import Litestar\n{head} return Litestar()")
    assert load(TargetSpec(f"app:{name}")).kind == "factory"


def test_an_annotation_for_type_checkers_alone_does_no_harm(write: Write) -> None:
    write("""
        from typing import TYPE_CHECKING
        if TYPE_CHECKING:
            from nowhere import Settings
        from litestar import Litestar
        def create_app(settings: "Settings | None" = None) -> "Litestar": return Litestar()
    """)
    assert load(TargetSpec("app")).kind == "factory"


def test_a_class_may_be_a_factory_if_the_user_says_so(write: Write) -> None:
    write("class Server:\n    async def __call__(self, scope, receive, send): ...\n")
    assert load(TargetSpec("app:Server", factory=True)).kind == "factory"


def test_an_object_that_is_there_already(write: Write, connect: Connect) -> None:
    write("", "shop/__init__.py")
    path = write(LITESTAR, "shop/chat.py")
    sys.path.insert(0, str(path.parents[1]))
    chat = importlib.import_module("shop.chat")
    target = adopt(chat.app, str(path))
    assert (target.spec, target.kind, target.framework) == ("Litestar", "app", "litestar")
    assert target.build() is chat.app
    assert target.user_code.roots == (str(path.parent),)
    assert adopt(chat.chat, str(path)).kind == "handler"
    assert connect(adopt(chat.chat, str(path)).build(), "/ws") == [
        "websocket.accept",
        "websocket.close",
    ]
    with pytest.raises(TargetError, match=r"^'int' is an int: give a Litestar"):
        adopt(3, str(path))


ASGI = {
    "function": "async def app(scope, receive, send): ...",
    "other names": "async def app(s, r, d): ...",
    "any arguments": "async def app(*args): ...",
    "not async": "def app(scope, receive, send): ...",
    "object": "class A:\n    async def __call__(self, scope, receive, send): ...\napp = A()",
    "method": "class A:\n    async def run(self, scope, receive, send): ...\napp = A().run",
    "partial": "import functools\nasync def f(x, scope, receive, send): ...\n"
    "app = functools.partial(f, 1)",
    "awaited class": "class app:\n    def __init__(self, scope, receive, send): ...\n"
    "    def __await__(self): yield",
}


@pytest.mark.parametrize("source", ASGI.values(), ids=ASGI)
def test_asgi_callable(write: Write, source: str) -> None:
    write(source)
    target = load(TargetSpec("app:app"))
    assert (target.kind, target.framework) == ("app", "asgi")
    assert [(route.path, route.opaque) for route in target.routes] == [("/", True)]
    assert target.build() is target.build()


MIDDLEWARE = {
    "attribute": ("class M:\n    def __init__(self, app): self.app = app", "M(M(inner))"),
    "private": ("class M:\n    def __init__(self, app): self._app = app", "M(inner)"),
    "slot": (
        "class M:\n    __slots__ = ('app',)\n    def __init__(self, app): self.app = app",
        "M(inner)",
    ),
}


@pytest.mark.parametrize("framework", ["litestar", "starlette", "fastapi"])
@pytest.mark.parametrize("source, wrapped", MIDDLEWARE.values(), ids=MIDDLEWARE)
def test_routes_are_listed_through_middleware(
    write: Write, connect: Connect, framework: str, source: str, wrapped: str
) -> None:
    write(APPS[framework], "inside.py")
    call = (
        "    async def __call__(self, scope, receive, send):\n"
        "        await send({'type': 'outer'})\n"
        "        await getattr(self, 'app', None) (scope, receive, send)\n"
    ).replace("'app', None", "'app' if hasattr(self, 'app') else '_app'")
    write(f"from inside import app as inner\n{source}\n{call}\napp = {wrapped}")
    target = load(TargetSpec("app:app"))
    assert (target.kind, target.framework) == ("app", framework)
    assert [route.path for route in target.routes] == ["/ws"]
    assert connect(target.build(), "/ws")[0] == "outer"


def test_routes_are_listed_through_middleware_that_is_a_function(write: Write) -> None:
    write(
        dedent(LITESTAR) + "def log(inner):\n"
        "    async def wrapped(scope, receive, send): await inner(scope, receive, send)\n"
        "    return wrapped\n"
        "outer = log(log(app))\n"
    )
    target = load(TargetSpec("app:outer"))
    assert (target.framework, [route.path for route in target.routes]) == ("litestar", ["/ws"])


STARLETTE_LIKE = """
    {imports}

    async def chat(websocket: WebSocket) -> None:
        await websocket.accept()
        await websocket.close()

    {app}
"""

APPS = {
    "litestar": LITESTAR,
    "starlette": STARLETTE_LIKE.format(
        imports="from starlette.applications import Starlette\n"
        "    from starlette.routing import WebSocketRoute\n"
        "    from starlette.websockets import WebSocket",
        app="app = Starlette(routes=[WebSocketRoute('/ws', chat)])",
    ),
    "fastapi": STARLETTE_LIKE.format(
        imports="from fastapi import FastAPI, WebSocket",
        app="app = FastAPI()\n    app.websocket('/ws')(chat)",
    ),
}


@pytest.mark.parametrize("framework", APPS)
def test_app(write: Write, connect: Connect, framework: str) -> None:
    path = write(APPS[framework])
    target = load(TargetSpec("app:app"))
    assert (target.kind, target.framework) == ("app", framework)
    (route,) = target.routes
    assert (route.path, route.handler_name) == ("/ws", "chat")
    assert route.handler is not None
    assert (Path(route.handler.file), route.handler.function) == (path, "chat")
    line = path.read_text(encoding="utf-8").splitlines()[route.handler.line - 1]
    assert line.startswith("async def chat")
    assert connect(target.build(), "/ws") == ["websocket.accept", "websocket.close"]


@pytest.mark.parametrize("framework", ["litestar", "starlette", "fastapi"])
def test_a_framework_that_the_module_does_not_use_is_not_imported(
    tmp_path: Path, framework: str
) -> None:
    (tmp_path / "app.py").write_text(dedent(APPS[framework]), encoding="utf-8")
    (tmp_path / "raw.py").write_text(dedent(RAW), encoding="utf-8")
    program = (
        "import sys; from wsdoctor.target import *; load(TargetSpec(sys.argv[1]));"
        "print(*(n for n in ('litestar', 'starlette', 'fastapi')"
        " if n + '.applications' in sys.modules or n + '.app' in sys.modules))"
    )
    loaded = [
        subprocess.run(
            [sys.executable, "-c", program, f"{tmp_path / file}:app"],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for file in ("app.py", "raw.py")
    ]
    # FastAPI is built on Starlette.
    expected = ["starlette", "fastapi"] if framework == "fastapi" else [framework]
    assert loaded == [expected, []]
