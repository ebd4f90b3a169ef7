"""Numbers that a class gives to begin with: the first line that moves one makes it the object's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.session.apps import application
from tests.session.cells import all_of, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording.events import ContainersGrew


class Base:
    members = 0
    served = 0

    @classmethod
    def come(cls) -> None:
        cls.members += 1

    @classmethod
    def go(cls) -> None:
        cls.members -= 1


class Leaky(Base):
    """Counts for itself from its first member on."""


class Tidy(Base):
    """The same, and each that comes goes."""


class Manager:
    present = 0
    total = 0

    def come(self) -> None:
        self.present += 1
        self.total += 1

    def go(self) -> None:
        self.present -= 1


leaky, tidy = Manager(), Manager()


def counting(counter: Any, *, always: bool) -> Any:
    @application
    async def app(scope, receive, send):
        await receive()
        counter.come()
        try:
            await send({"type": "websocket.accept"})
            code = 0
            while (message := await receive())["type"] != "websocket.disconnect":
                pass
            code = message["code"]
        finally:
            if always or code == 1000:
                counter.go()

    return app


@pytest.fixture(autouse=True)
def as_new() -> None:
    for cls in (Leaky, Tidy):
        if "members" in vars(cls):
            del cls.members
    for manager in (leaky, tidy):
        vars(manager).clear()


@pytest.mark.parametrize(
    "counter, name, owner", [(Leaky, "members", "Leaky"), (leaky, "present", "Manager")]
)
def test_a_number_is_known_before_the_first_client_makes_it_the_objects_own(counter, name, owner):
    recording = run(counting(counter, always=False), "abort", "idle")
    (event,) = all_of(recording, ContainersGrew)
    grown = [(growth.holder.name, growth.holder.owner, growth.by) for growth in event.grown]
    assert (name, owner, 4) in grown
    (cause,) = diagnose(recording).causes
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD305", "error")
    assert not diagnose(run(counting(counter, always=False), "close", "idle")).causes


@pytest.mark.parametrize("counter", [Tidy, tidy])
@pytest.mark.parametrize("kind", ["close", "abort"])
def test_one_that_comes_back_is_no_growth(counter, kind):
    assert not diagnose(run(counting(counter, always=True), kind, "idle")).causes


class Gauge:
    """One class for what is there, and for what has been."""

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self) -> None:
        self.value += 1

    def dec(self) -> None:
        self.value -= 1

    def __enter__(self) -> None:
        self.inc()

    def __exit__(self, *_: object) -> None:
        self.dec()


here, present, never = Gauge(), Gauge(), Gauge()
visits = Gauge()


def with_dec(message: dict[str, Any]) -> None:
    if message["code"] == 1000:
        here.dec()


def never_back(message: dict[str, Any]) -> None:
    if message["code"] == 4999:
        never.dec()


@application
async def counts_with_a_block(scope, receive, send):
    await receive()
    visits.inc()
    with present:
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            pass


def counts(gauge: Gauge, leave: Any) -> Any:
    @application
    async def app(scope, receive, send):
        await receive()
        visits.inc()
        gauge.inc()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            pass
        leave(message)

    return app


@pytest.mark.parametrize("kind", ["close", "abort"])
def test_totals_and_live_numbers_are_distinguished_by_the_names_of_objects(kind):
    recording = run(counts_with_a_block, kind, "idle")
    grown = {g.holder.through for e in all_of(recording, ContainersGrew) for g in e.grown}
    assert grown <= {"visits"}
    assert not diagnose(recording).causes


@pytest.mark.parametrize(
    "app, kind, name",
    [
        (counts(here, with_dec), "abort", "here"),
        (counts(never, never_back), "close", "never"),
    ],
)
def test_the_object_that_is_not_brought_back_is_named(app, kind, name):
    found = [c.occurrence for c in diagnose(run(app, kind, "idle")).causes]
    assert [item.code for item in found] == ["WSD305"]
    assert found[0].message.startswith(f"`value` of `{name}` goes up with every client")


lazy: dict[int, object] | None = None
tidied: dict[int, object] | None = None


def kept() -> dict[int, object]:
    global lazy  # noqa: PLW0603 - as people do it
    if lazy is None:
        lazy = {}
    return lazy


def kept_tidily() -> dict[int, object]:
    global tidied  # noqa: PLW0603 - as people do it
    if not tidied:
        tidied = {}
    return tidied


def registering(registry: Any, *, always: bool) -> Any:
    @application
    async def app(scope, receive, send):
        await receive()
        number = id(receive)
        registry()[number] = "here"
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] != "websocket.disconnect":
            pass
        if always or message["code"] == 1000:
            registry().pop(number, None)

    return app


def test_a_container_that_the_first_client_makes_holds_something_of_it():
    global lazy  # noqa: PLW0603 - as new
    lazy = None
    (cause,) = diagnose(run(registering(kept, always=False), "abort", "idle")).causes
    assert cause.occurrence.code == "WSD305"
    assert cause.occurrence.message.startswith("`lazy` (a dict) keeps something of every client")


@pytest.mark.parametrize("kind", ["close", "abort"])
def test_one_that_is_emptied_again_holds_nothing(kind):
    assert not diagnose(run(registering(kept_tidily, always=True), kind, "idle")).causes
