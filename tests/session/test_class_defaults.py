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
