"""Every sentence that a wrong target gets, and the user's own traceback."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import pytest

from wsdoctor.target import TargetError, TargetImportError, TargetSpec, load

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

THINGS = """
from __future__ import annotations
import functools
from contextlib import asynccontextmanager
import fastapi, starlette.endpoints, starlette.routing
from litestar import Controller, Litestar, Router, WebSocket, asgi, get, websocket
from litestar.handlers import WebsocketListener
from litestar.types import Receive, Scope, Send

app = Litestar()
number = 3
text = "x"
table = {}

def run(): ...
def make_app(settings): ...
def hands_out_a_number(): return 3
async def create_app(): ...
def app_later(): return create_app()
def app_number(): return 3
def chat(websocket): ...
def flask(environ, start_response): ...
class Plain: ...
class Wsgi:
    def __call__(self, environ, start_response): ...
wsgi = Wsgi()
class Asgi2:
    def __init__(self, scope): ...
@get("/")
async def http() -> str: return ""
@asgi("/raw")
async def raw(scope: Scope, receive: Receive, send: Send) -> None: ...
class Rooms(Controller):
    @websocket("/")
    async def live(self, socket: WebSocket) -> None: ...
class Pages(Controller):
    @get("/")
    async def page(self) -> str: return ""
empty = Router("/", route_handlers=[])
class Unfinished(WebsocketListener): ...
class Endpoint(starlette.endpoints.WebSocketEndpoint): ...
route = starlette.routing.WebSocketRoute("/", chat)
@asynccontextmanager
async def lifespan(app): yield
async def undecorated(socket): yield
@asynccontextmanager
async def wants_more(socket: WebSocket, missing: Missing): yield
"""

ACCEPTED = "give a Litestar, Starlette or FastAPI app, another ASGI app, a Litestar WebSocket "


@pytest.mark.parametrize(
    "name, says",
    [
        ("number", f"is an int: {ACCEPTED}"),
        ("text", f"is a str: {ACCEPTED}"),
        ("table", f"is a dict: {ACCEPTED}"),
        ("run", "is a function without arguments: is it a factory? add --factory, else give a Li"),
        ("make_app", "is a function that takes (settings): if it is a handler, give the app that "),
        ("create_app", "is an async factory: give a plain function that returns the app"),
        ("app_later", "returned a coroutine: give a plain function that returns the app"),
        ("app_number", "returned an int, which is no ASGI app"),
        ("chat", "is a function that takes (websocket): if it is a handler, give the app that it "),
        ("flask", f"is a WSGI app, which has no WebSockets: {ACCEPTED}"),
        ("wsgi", f"is a WSGI app, which has no WebSockets: {ACCEPTED}"),
        ("Plain", f"is the class Plain: {ACCEPTED}"),
        ("Asgi2", "is an ASGI 2 app, called with the scope alone: wrap it with asgiref."),
        ("http", "is an HTTP handler: wsdoctor checks WebSocket handlers, give one of those"),
        ("raw", "is an @asgi handler: give the ASGI app in it, or the app that it is registered "),
        ("Rooms.live", "is a method of its class: give the class, or the app that it is registe"),
        ("Pages", "has no WebSocket route: give a controller, router or app that has one"),
        ("empty", "has no WebSocket route: give a controller, router or app that has one"),
        ("Unfinished", "is abstract: give a WebsocketListener with an on_receive() method"),
        ("Controller", "is a class of Litestar's own: give your instance or subclass of it"),
        ("Litestar", "is a class of Litestar's own: give your instance or subclass of it"),
        ("fastapi.FastAPI", "is the class FastAPI: give an instance of it"),
        ("Endpoint", "is an endpoint class: give the Starlette app that routes to it"),
        ("route", "is a route: give the app that it is in"),
        ("starlette.routing", "is a module: give an app in it, 'starlette.routing:app', say"),
        ("starlette.routing.Router", "is the class Router: give an instance of it"),
        ("lifespan", "is an async context manager that takes (app), not `socket`: only a "),
        ("undecorated", "is an async generator: if it is a connection_lifespan, decorate it with"),
        ("wants_more", "cannot be registered on an app of its own (NameError: name 'Missing' "),
    ],
)
def test_thing_that_cannot_be_checked(write: Write, name: str, says: str) -> None:
    write(THINGS)
    with pytest.raises(TargetError) as caught:
        load(TargetSpec(f"app:{name}"))
    assert str(caught.value).startswith(f"'app:{name}' {says}")


@pytest.mark.parametrize(
    "name, says",
    [
        ("app", "'app:app' is already an app: drop --factory"),
        ("Rooms", "'app:Rooms' is a handler, not a function that returns an app: drop --factory"),
        ("number", "'app:number' is an int, not a factory: give a Litestar"),
        (
            "make_app",
            "'app:make_app' is a factory that needs arguments (settings): give a function",
        ),
        ("create_app", "'app:create_app' is an async factory: give a plain function that returns"),
        ("hands_out_a_number", "'app:hands_out_a_number' returned an int, which is no ASGI app"),
    ],
)
def test_factory(write: Write, name: str, says: str) -> None:
    write(THINGS)
    with pytest.raises(TargetError) as caught:
        load(TargetSpec(f"app:{name}", factory=True))
    assert str(caught.value).startswith(says)


@pytest.mark.parametrize(
    "spec, says",
    [
        ("ap:app", "there is no module 'ap' in {here}: did you mean 'app'?"),
        ("APP:app", "there is no module 'APP' in {here}: did you mean 'app'?"),
        ("zzz:app", "there is no module 'zzz' in {here}: check its name or --app-dir"),
        ("zzz.deep:app", "there is no module 'zzz.deep' in {here}: check its name or --app-dir"),
        ("inner:app", "there is no module 'inner' in {here}: it is in src, add --app-dir src"),
        ("pkg.caht:app", "'pkg' has no module 'caht': did you mean 'pkg.chat'?"),
        ("pkg.zzz:app", "'pkg' has no module 'zzz': it has chat"),
        ("app.app", "'app' has no module 'app': did you mean 'app:app'?"),
        ("app.zzz:app", "'app' has no module 'zzz': it is a module, not a package"),
        ("app:ap", "'app' has no attribute 'ap': did you mean 'app'?"),
        ("app:zzz", "'app' has no attribute 'zzz': what can be checked in it is 'app:app'"),
        ("app:app.rotes", "'app:app' has no attribute 'rotes': did you mean 'routes'?"),
        ("app:app.zzz", "'app:app' has no attribute 'zzz': check its name"),
        ("pkg.chat:zzz", "'pkg.chat' has no attribute 'zzz': nothing in it can be checked"),
        ("pkg.chat", "'pkg.chat' has no app and no WebSocket handler: give a Litestar"),
        ("two", "'two' has more than one thing to check: give one of 'two:one', 'two:other'"),
        ("ap.py:app", "there is no file 'ap.py': did you mean 'app.py'?"),
        ("zzz.py", "there is no file 'zzz.py' in {here}: check the path"),
        ("./app:app", "there is no file './app': did you mean './app.py'?"),
        ("pkg/", "'pkg/' is a folder: give a file in it, file.py:attribute, it has __init__.py, "),
        (".", "'.' is a folder: give a file in it, file.py:attribute, it has app.py, two.py"),
        ("./notes.txt:app", "'./notes.txt' is not a Python file: give a file that ends in .py"),
        (r"C:\no\app.py:app", "there is no file 'C:"),
    ],
)
def test_nothing_there(write: Write, tmp_path: Path, spec: str, says: str) -> None:
    write("from litestar import Litestar\napp = Litestar()")
    write("from litestar import Litestar\none = Litestar()\nother = Litestar()", "two.py")
    write("", "pkg/__init__.py")
    write("import litestar", "pkg/chat.py")
    write("", "src/inner/__init__.py")
    write("", "notes.txt")
    with pytest.raises(TargetError) as caught:
        load(TargetSpec(spec))
    assert str(caught.value).startswith(says.format(here=tmp_path))
    assert not isinstance(caught.value, TargetImportError)


def test_app_dir_that_is_no_folder(write: Write) -> None:
    write()
    with pytest.raises(TargetError, match="--app-dir 'nowhere' is not a folder: give the one"):
        load(TargetSpec("app:app", app_dir="nowhere"))


def test_another_module_of_the_same_name(write: Write) -> None:
    write("", "one/shop/__init__.py")
    write("async def app(scope, receive, send): ...", "one/shop/chat.py")
    write("", "two/shop/__init__.py")
    write("", "two/shop/chat.py")
    load(TargetSpec("one/shop/chat.py:app"))
    with pytest.raises(TargetError, match=r"is module 'shop.chat', but Python already has another"):
        load(TargetSpec("two/shop/chat.py:app"))


RAISES = {
    "raise ValueError('no\\nlonger')": (
        "importing 'app' failed with ValueError: no (app.py, line 1)",
        "ValueError: no\nlonger",
    ),
    "import json\njson.loads('{')": (
        "importing 'app' failed with JSONDecodeError: Expecting property name enclosed in ",
        "(char 1)",
    ),
    "import nowhere_to_be_found": (
        "importing 'app' needs 'nowhere_to_be_found', which is not found (app.py, line 1): install",
        "ModuleNotFoundError: No module named 'nowhere_to_be_found'",
    ),
    "from os import nothing_of_this_name": (
        "importing 'app' failed with ImportError: cannot import name 'nothing_of_this_name' from",
        ")",
    ),
    "from .sibling import x": (
        "importing 'app' failed with ImportError: attempted relative import with no known parent",
        "ImportError: attempted relative import with no known parent package",
    ),
    "import sys\nsys.exit(2)": (
        "importing 'app' called sys.exit(2) (app.py, line 2): move that under `if __name__ == ",
        "SystemExit: 2",
    ),
    "raise SystemExit": ("importing 'app' called sys.exit() (app.py, line 1): move", "SystemExit"),
    "def f(:\n    pass": (
        "importing 'app' failed with SyntaxError: invalid syntax (app.py, line 1)",
        "SyntaxError: invalid syntax",
    ),
    "import asyncio\nraise asyncio.CancelledError": (
        "importing 'app' failed with CancelledError (app.py, line 2)",
        "CancelledError",
    ),
    "raise ExceptionGroup('two', [ValueError(), KeyError()])": (
        "importing 'app' failed with ExceptionGroup: two (2 sub-exceptions) (app.py, line 1)",
        "+------------------------------------",
    ),
}


@pytest.mark.parametrize("source, says", RAISES.items(), ids=range(len(RAISES)))
def test_module_that_raises(write: Write, source: str, says: tuple[str, str]) -> None:
    write(source)
    with pytest.raises(TargetImportError) as caught:
        load(TargetSpec("app:app"))
    sentence, last = says
    assert str(caught.value).startswith(sentence)
    assert caught.value.traceback_text.rstrip("\n").endswith(last)


@pytest.mark.parametrize("spec", ["app:app", "app.py:app"])
def test_traceback_has_the_users_frames_alone(write: Write, spec: str) -> None:
    app = write("""\
        import json
        import helper
    """)
    helper = write(
        """\
        import json
        try:
            json.loads("{")
        except ValueError as error:
            raise RuntimeError("bad config") from error
        """,
        "helper.py",
    )
    with pytest.raises(TargetImportError) as caught:
        load(TargetSpec(spec))
    carets = [line for line in caught.value.traceback_text.splitlines() if set(line) - set(" ^~")]
    assert "\n".join(carets) == textwrap.dedent(f"""\
        Traceback (most recent call last):
          File "{helper}", line 3, in <module>
            json.loads("{{")
        json.decoder.JSONDecodeError: {"Expecting property name enclosed in double quotes"}\
: line 1 column 2 (char 1)
        The above exception was the direct cause of the following exception:
        Traceback (most recent call last):
          File "{app}", line 2, in <module>
            import helper
          File "{helper}", line 5, in <module>
            raise RuntimeError("bad config") from error
        RuntimeError: bad config""")
    assert str(caught.value) == (
        f"importing '{spec.partition(':')[0]}' failed with RuntimeError: bad config "
        "(helper.py, line 5)"
    )


def test_syntax_error_shows_file_and_line(write: Write) -> None:
    write("import broken")
    broken = write("x = 1\ndef f(:\n", "broken.py")
    with pytest.raises(TargetImportError, match=r"\(broken.py, line 2\)") as caught:
        load(TargetSpec("app:app"))
    assert f'File "{broken}", line 2' in caught.value.traceback_text


def test_a_module_of_the_package_that_its_own_init_misses(write: Write) -> None:
    write("from pkg import chat", "pkg/__init__.py")
    with pytest.raises(TargetImportError, match="failed with ImportError: cannot import name"):
        load(TargetSpec("pkg.chat:app"))
    write("import pkg.chat", "pkg/__init__.py")
    with pytest.raises(TargetImportError, match=r"needs 'pkg.chat', which is not found \(pkg"):
        load(TargetSpec("pkg.chat:app"))


def test_what_failed_can_be_tried_again(write: Write) -> None:
    write("raise ValueError")
    with pytest.raises(TargetImportError):
        load(TargetSpec("app.py:app"))
    write("async def app(scope, receive, send): ...")
    assert load(TargetSpec("app.py:app")).kind == "app"


@pytest.mark.parametrize("body", ["raise ValueError('no database')", "raise SystemExit('no')"])
def test_factory_that_raises(write: Write, body: str) -> None:
    write(f"def create_app():\n    {body}")
    with pytest.raises(
        TargetImportError, match=r"^calling 'app:create_app\(\)' .*\(app.py, line 2"
    ):
        load(TargetSpec("app"))


def test_attribute_that_raises(write: Write) -> None:
    write(
        "def __getattr__(name):\n    if name == 'app': raise OSError('no')\n    raise AttributeError"
    )
    with pytest.raises(TargetImportError, match=r"^getting 'app' of 'app' failed with OSError: no"):
        load(TargetSpec("app:app"))


def test_a_relative_import_without_a_package_says_how_to_get_one(write: Write) -> None:
    write("from .sibling import x")
    with pytest.raises(TargetImportError) as caught:
        load(TargetSpec("app.py:app"))
    hint = "(app.py, line 1): give it as a module of its package, package.module:attribute"
    assert str(caught.value).endswith(hint)


def test_keyboard_interrupt_passes(write: Write) -> None:
    write("raise KeyboardInterrupt")
    for spec in ("app:app", "app.py:app"):
        with pytest.raises(KeyboardInterrupt):
            load(TargetSpec(spec))
