"""The emitted pytest file: what it says, and that it fails on the bug and passes on its fixed twin.

The second half runs what is emitted, on the wall clock and real sockets, in processes of its own in a
folder in which there is no wsdoctor.
"""

from __future__ import annotations

import ast
import itertools
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from wsdoctor.diagnosis.gauges import NUMBER
from wsdoctor.diagnosis.rule import Rule
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.engine.catalogue import catalogue, find_variant
from wsdoctor.plan.kinds import DEFAULT_KINDS
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import (
    TOGETHER,
    Case,
    Handshake,
    ReceiveStep,
    SendStep,
    SleepStep,
    Step,
)
from wsdoctor.recording.events import Holder
from wsdoctor.report.model import TargetInfo
from wsdoctor.report.reproducer import (
    Application,
    Lent,
    NameTakenError,
    Undone,
    application_of,
    reproducer,
)
from wsdoctor.session import pools
from wsdoctor.target import TargetSpec, load

SANSIO, LEGACY, WSPROTO = SERVERS


def case(
    kind: str = "close",
    moment: str = "after:2",
    server: str = WSPROTO,
    script: tuple[Step, ...] = (),
    path: str = "/ws",
) -> Case:
    return Case(path, server, kind, moment, Handshake(path), script)


def variant(name: str) -> Application:
    return Application(source=find_variant(name).path.read_text(encoding="utf-8"))


# --- the text


def test_the_file_of(snapshot):
    emitted = reproducer(
        case(moment="after:2", server=LEGACY),
        code="WSD201",
        application=variant("naive"),
        message="`lifespan` awaits `task` at naive.py:41 before it cancels it",
        versions={"litestar": "2.25.0", "uvicorn": "0.54.0"},
    )
    assert emitted == snapshot


def test_the_file_of_a_poll(snapshot):
    emitted = reproducer(
        case("stall-close", "send#2+1~", SANSIO, (SendStep("hello"), ReceiveStep(2))),
        code="WSD802",
        application=Application(module="chat.server", folder="src"),
    )
    assert emitted == snapshot


MOMENTS = ("after-accept", "after:2", "mid-send", "idle", "survey", "send#2+1", "accept+1~")
SCRIPT = (SendStep("a"), SendStep(hex="c0ff"), ReceiveStep(1), SleepStep(0.5), ReceiveStep(2))


EVIDENCE: dict[str, dict[str, Any]] = {
    "undone": {"code": "WSD206", "undone": Undone("stream.<locals>.tick", awaits=7, undone=8)},
    "grows": {"code": "WSD305", "grows": Holder("global", "carts", "shop", "dict", "shop.py")},
    "counts": {"code": "WSD305", "grows": Holder("global", "carts", "shop", NUMBER, "shop.py")},
    **{
        f"lent_{number}": {
            "code": "WSD309",
            "lent": Lent(((each.module, each.knows or each.cls),), each.out),
        }
        for number, each in enumerate(pools.ADAPTERS)
    },
}
"""Cases that differ by more than the code of a rule."""


def test_every_file_is_formatted_and_lints(tmp_path):
    codes = itertools.cycle(RULES)
    moments = {"before-accept": ("handshake",) * len(RULES)}
    cases = [
        case(kind, moment, LEGACY, SCRIPT)
        for kind in DEFAULT_KINDS
        for moment in moments.get(kind, MOMENTS)
    ]
    for number, each in enumerate(cases):
        emitted = reproducer(each, code=next(codes), application=variant("naive"))
        assert "wsdoctor" not in emitted
        (tmp_path / f"test_{number}.py").write_text(emitted)
    for number, each in enumerate(cases):  # clients that come before are to leave as that one does
        code = ("WSD308", "WSD309")[number % 2]
        emitted = reproducer(each, code=code, application=variant("naive"))
        (tmp_path / f"test_opens_{number}.py").write_text(emitted)
    for name, more in EVIDENCE.items():
        emitted = reproducer(case(), application=variant("naive"), **more)
        (tmp_path / f"test_{name}.py").write_text(emitted)
    assert not ruff("check", "--select", "E,F,W,I,UP,B,SIM,RET,PIE,PT", tmp_path)
    assert not ruff("format", "--diff", tmp_path)


def test_a_client_comes_back_at_once_during_the_clean_up_or_after_it(tmp_path):
    held = Holder("global", "active", "inbox", "dict", "inbox.py")
    told: dict[str, bool] = {}
    for moment in ("idle", "disconnect+1", "return+1"):
        for grows in (held, None):
            emitted = reproducer(
                case("reconnect", moment), code="WSD406", application=variant("naive"), grows=grows
            )
            name = f"test_{len(list(tmp_path.iterdir()))}.py"
            (tmp_path / name).write_text(emitted)
            told[moment] = "tap.is_told()" in emitted
    assert not ruff("check", "--select", "E,F,W,I,UP,B,SIM,RET,PIE,PT", tmp_path)
    assert not ruff("format", "--diff", tmp_path)
    assert told == {"idle": False, "disconnect+1": True, "return+1": False}


def test_a_rule_without_a_check_of_its_own_asserts_that_nothing_bad_happened(monkeypatch):
    monkeypatch.setitem(RULES, "WSD201", replace(RULES["WSD201"], checks={}))
    emitted = reproducer(case(), code="WSD201", application=Application(module="chat"))
    assert not undefined(emitted)
    for noted in ("tap.forbidden", "tap.escaped", "caplog.records", "tap.returned"):
        assert noted in emitted


def test_only_what_the_case_needs_is_in_the_file():
    emitted = reproducer(case(), code="WSD401", application=Application(module="chat"))
    for left_out in ("selectors", "SO_LINGER", "HEADERS", "def send(self, data)", "ALLOWED"):
        assert left_out not in emitted
    # The application, and what surrounds it in a bug report, come on top.
    assert len(emitted.splitlines()) < 200


@pytest.mark.parametrize("name", [found.name for found in catalogue()])
def test_every_variant_can_be_written_into_the_file(name):
    emitted = reproducer(case(), code="WSD201", application=variant(name))
    assert not undefined(emitted)
    assert "SHOWS" not in emitted


@pytest.mark.parametrize(
    "source",
    ["class Client:\n    pass", "import clock as time", "from time import time", "Tap = app = 1"],
)
def test_a_source_with_the_names_of_the_file_is_refused(source):
    with pytest.raises(NameTakenError):
        reproducer(case(), code="WSD201", application=Application(source=f"{source}\napp = 1\n"))


def test_what_was_redacted_comes_from_the_environment():
    handshake = Handshake(
        "/ws",
        "token=***&room=a%20b",
        (("Authorization", "***"), ("X-Room", 'a "b"'), ("Cookie", "session=***")),
        ("graphql-ws",),
    )
    emitted = reproducer(
        Case("/ws", WSPROTO, "close", "idle", handshake),
        code="WSD201",
        application=Application(module="chat"),
    )
    assert not undefined(emitted)
    assert '("Authorization", os.environ["AUTHORIZATION"])' in emitted
    assert '("Cookie", os.environ["COOKIE"])' in emitted
    assert 'urlencode({"token": os.environ["TOKEN"], "room": "a b"})' in emitted
    assert "'a \"b\"'" in emitted
    assert "***" not in emitted


def test_the_message_cannot_break_out_of_the_docstring():
    emitted = reproducer(
        case(),
        code="WSD203",
        application=Application(module="chat"),
        message='raises """x""" \\N{x} \x1b[2J',
    )
    assert "[2J" in str(ast.get_docstring(ast.parse(emitted)))
    assert "\x1b" not in emitted


@pytest.mark.parametrize(
    "application, line",
    [
        (Application("app", "chat"), "from chat import app  #"),
        (Application("api.app", "chat"), "app = api.app"),
        (Application("asgi", "chat"), "from chat import asgi as app  #"),
        (Application("create", "chat", kind="factory"), "app = create()"),
        (Application("Echo", "chat", kind="listener"), "app = Litestar([Echo], openapi_c"),
        (Application("Client", "chat", kind="listener"), "import Client as target"),
        (Application("router", "chat", kind="handler", framework="fastapi"), "include_router(router)"),
        (Application("lifespan", "chat", kind="lifespan"), "connection_lifespan=lifespan)"),
        (Application("app", "my-chat", "src"), '"application", "src/my-chat.py")'),
        (Application("app", "queue"), '"application", "queue.py")'),
    ],
)  # fmt: skip
def test_the_application_is_found_and_wrapped(application, line):
    emitted = reproducer(case(), code="WSD201", application=application)
    assert not undefined(emitted)
    assert line in emitted


def test_a_target_is_imported_from_the_folder_its_package_is_in(tmp_path, monkeypatch):
    package = tmp_path / "src" / "shop_reproduced"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "web.py").write_text("async def app(scope, receive, send): ...\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    for spec in ("shop_reproduced.web:app", "src/shop_reproduced/web.py:app"):
        app_dir = None if "/" in spec else "src"
        target = load(TargetSpec(spec, app_dir=app_dir))
        found = application_of(
            TargetInfo(target.spec, target.kind, target.framework, app_dir=app_dir)
        )
        assert (found.module, found.folder) == ("shop_reproduced.web", "src")


def undefined(emitted: str) -> str:
    """What ruff says of names in ``emitted`` that are undefined, unused or defined twice."""
    return ruff("check", "--select", "F", "-", given=emitted)


def ruff(command: str, *arguments: object, given: str | None = None) -> str:
    options = ("--quiet", "--isolated", "--no-cache")
    line = [sys.executable, "-m", "ruff", command, *options, *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, check=False, input=given).stdout


# --- the runs

EXAMPLES = Path(sys.modules["wsdoctor.diagnosis.rules"].__path__[0]) / "examples"


SHOP = """
import contextlib
import functools
import itertools

from starlette.applications import Starlette
from starlette.routing import Mount, WebSocketRoute

numbers = itertools.count()
carts = {}
here = 0
baskets = {"left": 9}


class Shop:
    open = {}

    def __init__(self):
        self.orders = []


shop = Shop()


def keep_ledger():
    ledger = {}

    def write(number):
        ledger[number] = "pears"

    def strike(number):
        del ledger[number]

    return write, strike


write, strike = keep_ledger()


@functools.cache
def get_register():
    return {}


@contextlib.asynccontextmanager
async def lifespan(app):
    yield {"guests": set()}


async def buy(websocket):
    await websocket.accept()
    global here
    number = next(numbers)
    here += 1
    baskets["left"] -= 1
    carts[number] = {"pears"}
    Shop.open[number] = "pears"
    app.state.buyers.append(number)
    shop.orders.append(number)
    write(number)
    get_register()[number] = "pears"
    websocket.state.guests.add(number)
    annex.state.tabs[number] = "pears"
    async for _ in websocket.iter_text():
        pass
    if number != 0:
        here -= 1
        baskets["left"] += 1
        del carts[number]
        del Shop.open[number]
        app.state.buyers.remove(number)
        shop.orders.remove(number)
        strike(number)
        del get_register()[number]
        websocket.state.guests.remove(number)
        del annex.state.tabs[number]


annex = Starlette()
annex.state.tabs = {}
routes = [WebSocketRoute("/shop", buy), Mount("/annex", annex)]
app = Starlette(routes=routes, lifespan=lifespan)
app.state.buyers = []
"""


def growing(
    kind: Literal["global", "attribute", "class", "variable"],
    name: str,
    owner: str,
    container: str = "dict",
) -> Row:
    held = Holder(kind, name, owner, container, "shop.py")
    return Row("WSD305", case("close", "idle", path="/shop"), grows=held)


FEED = """\
import asyncio


async def read(receive):
    while (await receive())["type"] != "websocket.disconnect":
        pass


async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    reader = asyncio.create_task(read(receive))
    try:
        while True:
            await send({"type": "websocket.send", "text": "tick"})
            await asyncio.sleep(0.01)
    except OSError:
        pass
    finally:
        reader.cancel()
"""
"""A correct application, which uvicorn's legacy server refuses a tick by what is no OSError."""


@dataclass(frozen=True)
class Row:
    """A bug and where it shows: in the rule's bad example, or in the variant called ``name``.

    ``imported``: the file imports the application, instead of having it in itself. ``grows``: what
    keeps something of each client, in the application below, or what a clean-up takes too much out of.
    ``pool``: the thread is one of the loop's own executor.
    ``undone``: the lines that never run.
    """

    code: str
    case: Case
    name: str = ""
    imported: bool = False
    pool: bool = False
    grows: Holder | None = None
    undone: Undone | None = None

    @property
    def sources(self) -> tuple[str, str]:
        """The buggy application and its fixed twin."""
        if self.code == "WSD802":
            return FEED, FEED.replace("OSError", "(OSError, RuntimeError)")
        if self.code == "WSD305" and self.grows is not None:
            return SHOP, SHOP.replace("number != 0", "True")
        if self.case.situation == TOGETHER:
            room = TOGETHER_APP.read_text(encoding="utf-8")
            return room, room.replace('"/bug", bug', '"/bug", ok')
        if self.name:
            found = find_variant(self.name)
            paths = [found.path, find_variant(found.fixed_twin or "").path]
        else:
            paths = [EXAMPLES / f"{self.code.lower()}_{which}.py" for which in ("bad", "fixed")]
        bad, fixed = (path.read_text(encoding="utf-8") for path in paths)
        return (in_pool(bad), in_pool(fixed)) if self.pool else (bad, fixed)


def in_pool(source: str) -> str:
    """The same with a thread of the executor, which the interpreter waits for: it ends some time."""
    source = "import asyncio\n" + source.replace("while True:", "for _ in range(60):", 1)
    call = "asyncio.get_running_loop().run_in_executor(None, measure, readings"
    source = source.replace(
        "threading.Thread(target=measure, args=(readings,), daemon=True).start()", f"{call})"
    )
    return source.replace(
        "worker = threading.Thread(target=measure, args=(readings, stop), daemon=True)",
        f"{call}, stop)",
    ).replace("    worker.start()\n", "")


NOW = "after-accept"
TOGETHER_APP = (
    Path(__file__).parents[1] / "end_to_end" / "apps" / "verdict" / "left_together_starlette.py"
)
ROWS = [
    Row("WSD001", case(moment=NOW, path="/chat")),
    Row("WSD101", case(moment=NOW, server=LEGACY)),
    Row("WSD102", case("abort", NOW, path="/lobby")),
    Row("WSD103", case("close", NOW, SANSIO, (SendStep("bye"),))),
    Row("WSD104", case("no-code", NOW, path="/upload")),
    Row("WSD105", case("close:1001", NOW, LEGACY, path="/echo")),
    Row("WSD106", case(moment=NOW, path="/chat")),
    Row("WSD107", case("close", NOW, SANSIO, (SendStep("pears"),), path="/orders")),
    Row("WSD107", case("close", NOW, WSPROTO, (SendStep("pears"),), path="/orders")),
    Row("WSD201", case("fin", NOW)),
    Row("WSD201", case("close", f"{TOGETHER}:idle", SANSIO, (SendStep("hi"),), path="/bug")),
    Row("WSD202", case("partial-frame", NOW, SANSIO, path="/prices")),
    Row("WSD203", case("protocol-error", NOW, path="/room")),
    Row("WSD204", case("burst", NOW, SANSIO, path="/weather")),
    Row(
        "WSD205",
        case("burst", NOW, SANSIO, path="/game"),
        undone=Undone("seat", awaits=2, undone=3),
    ),
    Row(
        "WSD206",
        case("close", "idle", path="/ticks"),
        undone=Undone("stream", awaits=7, undone=8),
    ),
    Row("WSD301", case("shutdown", NOW, LEGACY, path="/echo")),
    Row("WSD302", case("close", NOW, path="/scores", script=(SendStep('{"player": "ada"}'),))),
    Row("WSD303", case("close", NOW, path="/scores")),
    Row("WSD305", case("close", NOW, path="/lobby")),
    growing("global", "carts", "shop"),
    growing("class", "open", "Shop"),
    growing("attribute", "orders", "Shop"),
    growing("attribute", "buyers", "app.state"),
    growing("attribute", "tabs", "app.state of /annex"),
    growing("attribute", "guests", 'scope["state"]', "set"),
    growing("variable", "ledger", "keep_ledger"),
    growing("global", "get_register()", "shop"),
    growing("global", "here", "shop", NUMBER),
    growing("global", "baskets", "shop", NUMBER),
    Row("WSD306", case("abort", NOW, path="/meter")),
    Row("WSD306", case("close", NOW, path="/meter"), pool=True),
    Row("WSD307", case("abort", NOW, path="/table")),
    Row("WSD308", case("close", NOW, path="/preview")),
    Row("WSD309", case("close", NOW, path="/dictation")),
    Row("WSD401", case("oversize", NOW, SANSIO)),
    Row("WSD402", case("close", NOW, path="/chat")),
    Row("WSD403", case("shutdown", "idle", path="/board")),
    Row("WSD404", case("close", NOW, path="/orders")),
    Row("WSD405", case("stall+bystander", "idle", path="/feed")),
    Row(
        "WSD406",
        case("reconnect", "idle", path="/inbox"),
        grows=Holder("global", "active", "inbox", "dict", "inbox.py"),
    ),
    Row("WSD501", case("abort", "send#1+1~", LEGACY), "published-recipe"),
    Row("WSD501", case("close", "receive#1+1", SANSIO, (SendStep("a"),)), "published-recipe"),
    Row("WSD501", case("close", "idle"), "published-recipe", imported=True),
    Row("WSD502", case("close", NOW, path="/rates")),
    Row("WSD601", case("close", "after:2", SANSIO, (SendStep("hello"),), path="/chat")),
    Row("WSD602", case("close", "idle", path="/double", script=(SendStep("seven"),))),
    Row("WSD801", case("close", "idle", path="/ticks", script=(SendStep("hello"),))),
    Row("WSD802", case("close", "after:2", LEGACY)),
    Row("WSD603", case(moment="survey", path="/sensor")),
]

WITHOUT = {"WSD002", "WSD003", "WSD304", "WSD407"}
"""Rules whose test is not run here.

A refused handshake and a moment that is not reached are no bugs, a generator that is left suspended is in
``tests/zoo``, and a process that dies takes pytest with it.
"""


def usual(rule: Rule) -> Row:
    """The row of a rule that has none above: its bad example, left after a while without a message."""
    path = re.search(r'\("(/[\w/-]*)"', rule.bad)
    assert path is not None
    return Row(rule.code, case("close", "idle", path=path[1]))


ROWS += [
    usual(rule) for code, rule in RULES.items() if code not in WITHOUT | {row.code for row in ROWS}
]

SLOW = frozenset({"WSD308", "WSD309", "WSD402", "WSD403", "WSD404", "WSD405", "WSD406"})
"""What hangs, or what ends, is watched for seconds. These run beside each other."""


GRACE = 1.0
"""Seconds: more than the default, for these processes share the machine with others."""


def names(row: int) -> tuple[str, str]:
    return f"test_{row}_buggy", f"test_{row}_fixed"


# They are run once, side by side.
run_together = pytest.mark.xdist_group("reproducers")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> dict[str, str]:
    """The result of each emitted file, by its name: the message of its failure, or ``""``."""
    folder = tmp_path_factory.mktemp("reproducers")
    # There is no wsdoctor here: whatever asks for one finds this.
    (folder / "wsdoctor.py").write_text("raise ImportError('this is not wsdoctor')\n")
    (folder / "apps").mkdir()
    shares: dict[str, list[str]] = {"rest buggy": [], "rest fixed": []}
    for number, row in enumerate(ROWS):
        for name, source, which in zip(names(number), row.sources, ("buggy", "fixed"), strict=True):
            application = Application(source=source)
            if row.imported:
                (folder / "apps" / f"{name}_app.py").write_text(source, encoding="utf-8")
                application = Application(module=f"{name}_app", folder="apps")
            emitted = reproducer(
                row.case,
                code=row.code,
                application=application,
                grace=GRACE,
                grows=row.grows,
                undone=row.undone,
            )
            assert row.grows is None or not undefined(emitted)
            (folder / f"{name}.py").write_text(emitted, encoding="utf-8")
            slow = row.code in SLOW and which == "buggy"
            shares.setdefault(name if slow else f"rest {which}", []).append(f"{name}.py")
    runs = [
        launched(files, folder, f"{number}.xml", strict=share == "rest fixed")
        for number, (share, files) in enumerate(shares.items())
    ]
    for run in runs:
        said, _ = run.communicate(timeout=600)
        assert run.returncode in {0, 1}, said
    return {
        test.get("classname", ""): complaint(test)
        for report in folder.glob("*.xml")
        for test in ET.parse(report).iter("testcase")  # noqa: S314 - pytest wrote it
    }


def complaint(test: ET.Element) -> str:
    """Why ``test`` failed; an error of its own making is one that pytest calls so."""
    for child in test:
        if child.tag in {"failure", "error"}:
            return f"{child.tag}: {child.get('message', '')}"
    return ""


def launched(files: list[str], folder: Path, report: str, *, strict: bool) -> subprocess.Popen[str]:
    """pytest on ``files`` as on a user's machine; ``strict``: where warnings are errors.

    A bug may cause warnings. The test must still fail with its own sentence, not with a warning's.
    """
    warnings = ("-W", "error") if strict else ()
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    options = (*warnings, "-p", "no:cacheprovider", f"--junitxml={report}")
    return subprocess.Popen(
        [sys.executable, "-m", "pytest", *options, *files],
        cwd=folder,
        env=environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@run_together
@pytest.mark.parametrize(
    "number",
    range(len(ROWS)),
    ids=[" ".join((r.code, r.case.id, r.grows.name if r.grows else "")).strip() for r in ROWS],
)
def test_it_fails_on_the_bug_and_passes_on_its_fixed_twin(number, outcomes):
    buggy, fixed = names(number)
    assert outcomes[buggy].startswith("failure: AssertionError: ")
    assert "nothing was shown" not in outcomes[buggy]
    assert not outcomes[fixed]


def test_every_rule_with_a_bug_of_the_applications_is_reproduced():
    assert RULES.keys() - {row.code for row in ROWS} == WITHOUT
    assert all(rule.checks for code, rule in RULES.items() if code not in WITHOUT)
