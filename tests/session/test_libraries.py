"""What the objects of libraries keep of every client, and what only seems to be kept."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import logging.handlers
import queue
import uuid
import weakref
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import blinker
import httpx
import pytest
import sqlalchemy
from apscheduler.schedulers.asyncio import AsyncIOScheduler  # type: ignore[import-untyped]
from channels.layers import InMemoryChannelLayer  # type: ignore[import-untyped]
from litestar import Litestar, websocket
from litestar import WebSocket as LitestarWebSocket
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend
from litestar.exceptions import WebSocketDisconnect as LitestarDisconnect
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from tests.session.apps import application
from tests.session.cells import all_of, run
from wsdoctor.diagnosis.causes import Cause
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording.events import ContainersGrew, Growth

numbers = itertools.count()


def with_a_thing(come: Callable[[Any], Any], go: Callable[[Any], Any] = id) -> Any:
    """Has ``come`` make something for a client when it is accepted, and gives that to ``go`` in the end."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        made = await _result(come(next(numbers)))
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            await _result(go(made))

    return app


async def _result(given: Any) -> Any:
    return await given if asyncio.iscoroutine(given) else given


def grown(app: Any, kind: str = "close") -> list[Growth]:
    events = all_of(run(app, kind, "idle"), ContainersGrew)
    return [growth for event in events for growth in event.grown]


def causes(app: Any, kind: str = "close") -> list[Cause]:
    return list(diagnose(run(app, kind, "idle")).causes)


log = logging.getLogger("wsdoctor.tests.libraries")
quiet_log = logging.getLogger("wsdoctor.tests.quiet")
quiet_log.propagate = False
news = blinker.Signal()
layer = InMemoryChannelLayer()
pool = ThreadPoolExecutor(max_workers=40)
engine = sqlalchemy.create_engine("sqlite://")
client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200)))
redis = Redis()
scheduler = AsyncIOScheduler()
seen: weakref.WeakSet[Any] = weakref.WeakSet()
by_number: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
signals = {"north": blinker.Signal()}


class Hub:
    """An object of the user's that holds one of a library's."""

    def __init__(self) -> None:
        self.news = blinker.Signal()


hub = Hub()


@pytest.fixture(autouse=True)
def anew() -> Any:
    yield
    for logger in (log, quiet_log):
        logger.handlers.clear()
        logger.filters.clear()
    for signal in (news, hub.news, signals["north"]):
        signal._clear_state()
    layer.groups.clear()


def add_handler(_: int) -> logging.Handler:
    handler = logging.NullHandler()
    log.addHandler(handler)
    return handler


def add_filter(number: int) -> logging.Filter:
    own = logging.Filter(str(number))
    log.addFilter(own)
    return own


def connect(number: int, signal: blinker.Signal = news) -> Any:
    def told(sender: object) -> int:
        return number

    signal.connect(told, weak=False)
    return told


async def join(number: int) -> str:
    await layer.group_add("room", f"specific.{number}!{number}")
    return f"specific.{number}!{number}"


async def leave(name: str) -> None:
    await layer.group_discard("room", name)


@pytest.mark.parametrize(
    "come, name, undo",
    [
        (add_handler, "log.handlers", "removeHandler"),
        (add_filter, "log.filters", "removeFilter"),
        (connect, "news.receivers", "disconnect"),
        (lambda n: connect(n, hub.news), "news.receivers", "disconnect"),
        (lambda n: connect(n, signals["north"]), "signals['north'].receivers", "disconnect"),
        (join, "layer.groups", "group_discard"),
    ],
    ids=["handler", "filter", "signal", "of an object", "of a dict", "channel layer"],
)
def test_what_a_library_keeps_is_named_from_the_users_name_on(come, name, undo):
    (growth,) = (it for it in grown(with_a_thing(come)) if it.holder.name == name)
    assert growth.by == 10
    assert growth.registered is not None
    assert (growth.registered.put.file, growth.registered.undo) == (__file__, undo)
    assert growth.holder.inside is not None


def test_the_finding_is_at_the_line_that_registers_and_says_how_to_undo_it():
    (cause,) = causes(with_a_thing(add_handler))
    found = cause.occurrence
    assert (found.code, found.severity, found.fault) == ("WSD305", "error", "app")
    assert found.place is not None
    assert found.place.function == "add_handler"
    assert found.message.startswith("`log.handlers` of test_libraries.py:")
    assert "and there are 10 elements more in it" in found.evidence[0]


def test_a_library_that_is_asked_for_by_its_own_name_is_looked_at_as_well():
    name = "wsdoctor.tests.late"

    def come(_: int) -> None:
        logging.getLogger(name).addHandler(logging.NullHandler())

    (growth,) = grown(with_a_thing(come))
    assert growth.holder.name == f"logging.getLogger('{name}').handlers"


def test_a_logger_for_each_client_is_reported():
    (cause,) = causes(
        with_a_thing(lambda n: logging.getLogger(f"wsdoctor.tests.own.{n}").debug(""))
    )
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD305", "info")
    assert "nothing is taken out again" in cause.occurrence.message


def test_what_only_a_client_leaves_that_does_not_say_goodbye_is_found_with_that_one():
    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        handler = add_handler(0)
        while (message := await receive())["type"] != "websocket.disconnect":
            pass
        if message["code"] == 1000:
            log.removeHandler(handler)

    assert not grown(app)
    (cause,) = causes(app, "abort")
    assert cause.occurrence.place is not None
    assert cause.occurrence.place.function == "add_handler"


def of_the_state(signal: Callable[[WebSocket], blinker.Signal], **more: Any) -> Starlette:
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        connect(next(numbers), signal(websocket))
        async for _ in websocket.iter_text():
            pass

    return Starlette(routes=[WebSocketRoute("/ws", handler)], **more)


def test_so_is_what_the_state_of_the_application_or_the_lifespan_leads_to():
    app = of_the_state(lambda websocket: websocket.app.state.told)
    app.state.told = blinker.Signal()
    assert ("told.receivers", "app.state") in {
        (it.holder.name, it.holder.owner) for it in grown(app)
    }

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        yield {"told": blinker.Signal()}

    app = of_the_state(lambda websocket: websocket.state.told, lifespan=lifespan)
    assert ("told.receivers", 'scope["state"]') in {
        (it.holder.name, it.holder.owner) for it in grown(app)
    }


# --- healthy


def weakly(number: int) -> Any:
    def told(sender: object) -> int:
        return number

    news.connect(told)
    return told


class Guest:
    def __init__(self) -> None:
        self.me = self  # only the collector finds it


def note(number: int) -> Guest:
    guest = Guest()
    seen.add(guest)
    by_number[number] = guest
    return guest


def buffered(_: int) -> None:
    if not quiet_log.handlers:
        quiet_log.addHandler(logging.handlers.MemoryHandler(1000, target=logging.NullHandler()))
        quiet_log.addHandler(logging.handlers.QueueHandler(queue.Queue(1000)))
    quiet_log.warning("a client came")


async def work(number: int) -> None:
    pool.submit(id, number)
    await asyncio.get_running_loop().run_in_executor(pool, id, number)


def select(number: int) -> None:
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"select {number}"))


async def fetch(number: int) -> None:
    await client.get(f"http://test/{number}")


def later(number: int) -> None:
    scheduler.add_job(id, "interval", args=(number,), minutes=5, id=str(uuid.uuid4()))


class Weak:
    def told(self, sender: object) -> None:
        """Do nothing."""


def weak_method(_: int) -> None:
    """Its receiver dies with the client's own object, once the collector has come."""
    own = Weak()
    own.me = own  # type: ignore[attr-defined]
    news.connect(own.told)


HEALTHY = {
    "handler": (add_handler, log.removeHandler),
    "filter": (add_filter, log.removeFilter),
    "signal": (connect, news.disconnect),
    "weak signal": (weakly, id),
    "weak method": (weak_method, id),
    "channel layer": (join, leave),
    "weak set": (note, id),
    "buffers": (buffered, id),
    "threads": (work, id),
    "engine": (select, id),
    "httpx": (fetch, id),
    "redis": (lambda _: redis.connection_pool, id),
    "jobs": (later, id),
}


@pytest.mark.parametrize("come, go", HEALTHY.values(), ids=HEALTHY)
@pytest.mark.parametrize("kind", ["close", "abort"])
def test_what_is_undone_limited_or_goes_by_itself_is_no_finding(come, go, kind):
    assert not causes(with_a_thing(come, go), kind)


def test_a_plugin_that_counts_its_subscribers_has_a_rule_of_its_own():
    plugin = ChannelsPlugin(backend=MemoryChannelsBackend(history=10), channels=["news"])

    @websocket("/ws")
    async def handler(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        async with plugin.start_subscription(["news"]):
            with contextlib.suppress(LitestarDisconnect):
                await socket.receive_text()

    assert not causes(Litestar([handler], plugins=[plugin]))


def test_a_metric_with_few_labels_does_not_grow():
    prometheus = pytest.importorskip(
        "prometheus_client", reason="prometheus_client is not installed"
    )
    registry = prometheus.CollectorRegistry()
    routes = prometheus.Counter("clients", "clients", ["route"], registry=registry)
    live = prometheus.Gauge("live", "live", registry=registry)
    metrics.extend((routes, live))

    def come(_: int) -> None:
        routes.labels(route="/ws").inc()
        live.inc()

    assert not causes(with_a_thing(come, lambda _: live.dec()))


metrics: list[Any] = []


def test_nothing_is_looked_for_where_nothing_has_grown(monkeypatch):
    looked: list[object] = []
    monkeypatch.setattr("wsdoctor.session.libraries.frame_of", lambda *it: looked.append(it))
    recording = run(with_a_thing(add_handler, log.removeHandler), "close", "idle")
    assert max(getattr(event, "connection", 0) for event in recording.events) == 1
    assert not looked
