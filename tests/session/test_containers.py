"""What of the user's containers grows with every connection, and what only seems to."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import queue
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import AsyncIterator, Callable
from typing import Any
from weakref import WeakValueDictionary

import pytest
from fastapi import Depends, FastAPI
from litestar import Litestar, websocket
from litestar import WebSocket as LitestarWebSocket
from litestar.exceptions import WebSocketDisconnect as LitestarDisconnect
from litestar.middleware import DefineMiddleware
from starlette.applications import Starlette
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocket

from tests.session.apps import application
from tests.session.cells import LEGACY, SANSIO, all_of, run
from wsdoctor.recording.events import ContainersGrew, Growth

numbers = itertools.count()
"""Each connection has one of its own."""


def with_number(come: Callable[[int], object], go: Callable[[int], object] = id) -> Any:
    """Gives ``come`` the number of a connection when it is accepted, and ``go`` after its end.

    That end is a close frame of the code 1000; otherwise ``go`` is not called.
    """

    @application
    async def app(scope, receive, send):
        number = next(numbers)
        await receive()
        await send({"type": "websocket.accept"})
        come(number)
        while (message := await receive())["type"] != "websocket.disconnect":
            pass
        if message["code"] == 1000:
            go(number)

    return app


def grown(app: Any, kind: str = "close", moment: str = "idle", **how: Any) -> list[Growth]:
    events = all_of(run(app, kind, moment, **how), ContainersGrew)
    return [growth for event in events for growth in event.grown]


seats: set[int] = set()
names: dict[int, str] = {}
rooms: dict[str, list[int]] = {"north": []}
inbox: asyncio.Queue[int] = asyncio.Queue()
orders: queue.SimpleQueue[int] = queue.SimpleQueue()
by_number: defaultdict[int, list[int]] = defaultdict(list)


class Office:
    every: OrderedDict[int, str] = OrderedDict()

    def __init__(self) -> None:
        self.desks: dict[str, Desk] = {"front": Desk()}

    def hire(self, number: int) -> None:
        self.every[number] = "clerk"


class Desk:
    __slots__ = ("papers",)

    def __init__(self) -> None:
        self.papers: list[int] = []


office, other_office = Office(), Office()


@pytest.mark.parametrize(
    "come, kind, name, owner",
    [
        (seats.add, "global", "seats", __name__),
        (lambda number: names.update({number: "?"}), "global", "names", __name__),
        (rooms["north"].append, "global", "rooms", __name__),
        (inbox.put_nowait, "global", "inbox", __name__),
        (orders.put, "global", "orders", __name__),
        (by_number.__getitem__, "global", "by_number", __name__),
        (office.hire, "class", "every", "Office"),
        (office.desks["front"].papers.append, "attribute", "desks", "Office"),
    ],
)
def test_the_name_is_reported_under_which_every_client_leaves_more(come, kind, name, owner):
    (growth,) = grown(with_number(come))
    assert growth.by == 10
    held = growth.holder
    assert (held.kind, held.name, held.owner, held.file) == (kind, name, owner, __file__)


@pytest.mark.parametrize("server", [LEGACY, SANSIO])
@pytest.mark.parametrize("kind, moment", [("abort", "idle"), ("close:1001", "after-accept")])
def test_what_a_quiet_client_takes_away_is_found_with_the_others(kind, moment, server):
    app = with_number(seats.add, seats.discard)
    (event,) = all_of(run(app, kind, moment, server), ContainersGrew)
    assert (event.comes_back, event.count) == (True, 4)
    assert [growth.by for growth in event.grown] == [4]
    assert not grown(app)


@pytest.mark.parametrize("kind, moment", [("abort", "idle"), ("close", "after-accept")])
def test_what_grows_with_a_quiet_client_as_well_is_looked_at_with_that_one(kind, moment):
    app = with_number(seats.add)
    assert not grown(app, kind, moment)
    (event,) = all_of(run(app, "close", "idle"), ContainersGrew)
    assert not event.comes_back


last: list[int] = []
ring: deque[int] = deque(maxlen=1000)
bounded: asyncio.Queue[int] = asyncio.Queue(maxsize=1000)
weak: WeakValueDictionary[int, Desk] = WeakValueDictionary()
score: Counter[str] = Counter()
waiting: dict[int, int] = {}
resumable: dict[int, int] = {}
by_user: dict[str, int] = {}


def keep_ten(number: int) -> None:
    last.append(number)
    del last[:-10]


def wait_a_minute(number: int) -> None:
    waiting[number] = number
    asyncio.get_running_loop().call_later(60, waiting.pop, number)


def resume(number: int) -> None:
    """A client without a close frame may come back for some minutes."""
    resumable[number] = number
    asyncio.get_running_loop().call_later(250, resumable.pop, number, None)


@pytest.mark.parametrize(
    "come, go",
    [
        (keep_ten, id),
        (ring.append, id),
        (bounded.put_nowait, id),
        (lambda number: weak.update({number: Desk()}), id),
        (lambda _: score.update(["clients"]), id),
        (wait_a_minute, id),
        (resume, resumable.pop),
        (lambda number: by_user.update({"ann": number}), id),
    ],
    ids=["last ten", "ring", "bounded", "weak", "count", "later", "resumable", "slot"],
)
@pytest.mark.parametrize("kind", ["close", "abort"])
def test_what_is_limited_or_goes_by_itself_is_none(come, go, kind):
    assert not grown(with_number(come, go), kind)


ticks: list[float] = []


def test_what_grows_while_no_client_comes_is_no_connections():
    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass

    async def with_a_clock(scope: Any, receive: Any, send: Any) -> None:
        async def tick() -> None:
            while True:
                ticks.append(asyncio.get_running_loop().time())
                await asyncio.sleep(1)

        if scope["type"] == "lifespan":
            ticking = asyncio.create_task(tick())
            await app(scope, receive, send)
            ticking.cancel()
        else:
            await app(scope, receive, send)

    assert not grown(with_a_clock)
    assert ticks


def test_so_is_what_the_state_of_the_application_holds():
    async def handler(websocket: WebSocket) -> None:
        await websocket.accept()
        app.state.clients.append("one more")
        async for _ in websocket.iter_text():
            pass

    app = Starlette(routes=[WebSocketRoute("/ws", handler)])
    app.state.clients = []
    (growth,) = grown(app)
    assert (growth.holder.name, growth.holder.owner, growth.by) == ("clients", "app.state", 10)


def test_no_client_comes_again_where_nothing_has_grown():
    recording = run(with_number(id))
    assert not all_of(recording, ContainersGrew)
    assert max(getattr(event, "connection", 0) for event in recording.events) == 1


class Gauges:
    """Numbers that go up with a client and down with its end, or otherwise."""

    live = 0
    free = 10
    total = 0
    undone = 0
    whole = 0.0
    part = 0.5
    given = 0
    added = 0


def change(by: int) -> None:
    Gauges.given += by


def add(by: int) -> None:
    Gauges.added += by


rooms_open = {"north": 0}


def more(number: int) -> None:
    Gauges.live += 1
    Gauges.total += 1
    rooms_open["north"] += 1
    Gauges.free -= 1
    Gauges.undone += 1
    Gauges.whole += 1
    Gauges.part += 1
    change(1)
    add(1)


def fewer(number: int) -> None:
    Gauges.live -= 1
    rooms_open["north"] -= 1
    Gauges.free += 1
    Gauges.whole -= 1
    Gauges.part -= 1
    change(-1)


def test_numbers_are_looked_at_that_some_line_raises_and_another_one_lowers():
    found = {
        (growth.holder.name, growth.by > 0, growth.falls)
        for growth in grown(with_number(more, fewer), "abort")
    }
    assert found == {
        ("live", True, False),
        ("free", True, True),
        ("rooms_open", True, False),
        ("whole", True, False),
        ("given", True, False),
    }


def test_numbers_that_come_back_are_no_growth():
    assert not grown(with_number(more, fewer))


door = asyncio.Event()
guests = {"a guest"}
lonely = False


class Bell:
    def __init__(self) -> None:
        self.rung = False


bell = Bell()


@pytest.mark.parametrize(
    "come, back",
    [
        (seats.add, seats.discard),
        (
            lambda _: globals().update(lonely=True),
            lambda _: globals().update(lonely=False),
        ),
        (lambda _: door.set(), lambda _: door.clear()),
        (lambda _: guests.clear(), lambda _: guests.add("a guest")),
        (lambda _: setattr(bell, "rung", True), lambda _: setattr(bell, "rung", False)),
    ],
    ids=["more", "flag", "event", "less", "attribute"],
)
def test_it_is_known_whether_a_client_leaves_the_application_as_it_was(come, back):
    """A copy of the application may then serve the next case, though something was wrong in this one."""
    try:
        assert run(with_number(come, back), "close", "idle").as_before
        assert not run(with_number(come, back), "abort", "idle").as_before
    finally:
        back(0)


def test_of_too_many_variables_it_is_not_known(monkeypatch):
    nothing = with_number(id)
    assert run(nothing, "close", "idle").as_before
    monkeypatch.setattr("wsdoctor.session.states._MOST", 2)
    assert not run(nothing, "close", "idle").as_before


class Lounge:
    """Keeps something of every client, unless it learns that the client has left."""

    def __init__(self) -> None:
        self.chairs: set[int] = set()


async def sit(websocket: Any, chairs: set[int], *, leaves: bool) -> None:
    """A client of ``chairs``, who ``leaves`` the one that it has taken."""
    number = next(numbers)
    await websocket.accept()
    chairs.add(number)
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        if leaves:
            chairs.discard(number)


def of_the_lifespan(*, leaves: bool) -> Any:
    async def handler(websocket: WebSocket) -> None:
        await sit(websocket, websocket.state.chairs, leaves=leaves)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, set[int]]]:
        yield {"chairs": set()}

    return Starlette(routes=[WebSocketRoute("/ws", handler)], lifespan=lifespan)


def of_a_mounted_app(*, leaves: bool) -> Any:
    async def handler(websocket: WebSocket) -> None:
        await sit(websocket, websocket.app.state.chairs, leaves=leaves)

    def mounted() -> Starlette:
        app = Starlette(routes=[WebSocketRoute("/ws", handler)])
        app.state.chairs = set()
        return app

    return Starlette(routes=[Mount("/", mounted())])


class Seating:
    """A middleware that gives each client a chair."""

    def __init__(self, inner: Any, *, leaves: bool) -> None:
        self.inner = inner
        self.leaves = leaves
        self.chairs: set[int] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        number = next(numbers)
        if scope["type"] == "websocket":
            self.chairs.add(number)
        try:
            await self.inner(scope, receive, send)
        finally:
            if self.leaves:
                self.chairs.discard(number)


class Passing:
    """A middleware that has nothing to do with it."""

    def __init__(self, below: Any) -> None:
        self.below = below

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self.below(scope, receive, send)


async def wait(websocket: WebSocket) -> None:
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


def of_a_middleware(*, leaves: bool) -> Any:
    return Passing(Seating(Starlette(routes=[WebSocketRoute("/ws", wait)]), leaves=leaves))


def of_a_middleware_of_the_app(*, leaves: bool) -> Any:
    app = FastAPI()
    app.add_middleware(lambda app: Seating(app, leaves=leaves))
    app.add_middleware(CORSMiddleware)
    app.add_api_websocket_route("/ws", wait)
    return app


def of_a_middleware_of_litestar(*, leaves: bool) -> Any:
    @websocket("/ws")
    async def handler(socket: LitestarWebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        with contextlib.suppress(LitestarDisconnect):
            await socket.receive_text()

    # The annotations of this module are texts, and Litestar looks the names up.
    return Litestar(
        [handler], middleware=[DefineMiddleware(lambda app: Seating(app, leaves=leaves))]
    )


def of_a_factory(*, leaves: bool) -> Any:
    chairs: set[int] = set()

    async def handler(websocket: WebSocket) -> None:
        await sit(websocket, chairs, leaves=leaves)

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


def of_a_dependency(*, leaves: bool) -> Any:
    def providing() -> Callable[[], set[int]]:
        chairs: set[int] = set()

        def provide() -> set[int]:
            return chairs

        return provide

    provide = providing()

    async def handler(websocket: WebSocket, chairs: Any = Depends(provide)) -> None:  # noqa: B008 - FastAPI's
        await sit(websocket, chairs, leaves=leaves)

    handler.__annotations__["websocket"] = WebSocket
    app = FastAPI()
    app.add_api_websocket_route("/ws", handler)
    return app


@functools.lru_cache
def lounge() -> Lounge:
    return Lounge()


@functools.cache
def all_chairs() -> set[int]:
    return set()


@functools.lru_cache
def lounge_of(number: int) -> Lounge:
    return Lounge()


def of_a_cache(*, leaves: bool) -> Any:
    async def handler(websocket: WebSocket) -> None:
        await sit(websocket, lounge().chairs, leaves=leaves)

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


def of_a_cache_itself(*, leaves: bool) -> Any:
    async def handler(websocket: WebSocket) -> None:
        await sit(websocket, all_chairs(), leaves=leaves)

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


PLACES = [
    (of_the_lifespan, "attribute", "chairs", 'scope["state"]'),
    (of_a_mounted_app, "attribute", "chairs", "app.state of /"),
    (of_a_middleware, "attribute", "chairs", "Seating"),
    (of_a_middleware_of_the_app, "attribute", "chairs", "Seating"),
    (of_a_middleware_of_litestar, "attribute", "chairs", "Seating"),
    (of_a_factory, "variable", "chairs", "of_a_factory"),
    (of_a_dependency, "variable", "chairs", "of_a_dependency.<locals>.providing"),
    (of_a_cache, "attribute", "chairs", "Lounge"),
    (of_a_cache_itself, "global", "all_chairs()", __name__),
]
"""Where an application keeps what no global names."""


@pytest.mark.parametrize("place, kind, name, owner", PLACES)
def test_what_no_global_names_is_found_where_the_application_has_it(place, kind, name, owner):
    lounge.cache_clear()
    all_chairs.cache_clear()
    (growth,) = grown(place(leaves=False))
    held = growth.holder
    assert (held.kind, held.name, held.owner, growth.by) == (kind, name, owner, 10)


@pytest.mark.parametrize("place", [place for place, *_ in PLACES])
def test_what_each_client_takes_away_again_is_none_there_either(place):
    lounge(), all_chairs()
    recording = run(place(leaves=True), "close", "idle")
    assert recording.as_before
    assert not all_of(recording, ContainersGrew)


def of_one_client(*, leaves: bool) -> Any:
    async def handler(websocket: WebSocket) -> None:
        own = Lounge()

        async def take() -> None:
            await sit(websocket, own.chairs, leaves=leaves)

        await take()

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


def of_a_cache_that_is_limited(*, leaves: bool) -> Any:
    async def handler(websocket: WebSocket) -> None:
        await sit(websocket, lounge_of(next(numbers)).chairs, leaves=leaves)

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


@pytest.mark.parametrize("place", [of_one_client, of_a_cache_that_is_limited])
@pytest.mark.parametrize("kind", ["close", "abort"])
def test_what_a_client_has_alone_is_none(place, kind):
    assert not grown(place(leaves=False), kind)
