"""Which moments of a life are tried: those in which the connection is in another state.

The handlers send fast, so most of their moments are alike; what goes wrong happens once, or only later.
"""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from msgspec.structs import replace

from tests.session.apps import application
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.engine.sweep import apart
from wsdoctor.plan.moments import EVERY
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import Case, Handshake, ReceiveStep
from wsdoctor.recording.recording import MomentPassed
from wsdoctor.session import states
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.target import UserCode

FAST, SLOW = 0.02, 2.0


def life(server="uvicorn:websockets-sansio", kind="close"):
    return Case(
        route="/ws",
        server=server,
        kind=kind,
        moment=EVERY,
        handshake=Handshake(path="/ws"),
        script=(ReceiveStep(2),),
    )


def moments_of(app, case=None):
    """All moments of a life, and those that are tried."""
    moments = run_case(case or life(), SessionTarget(app, "asgi", UserCode())).moments
    return moments, apart(moments)


def codes_of(app):
    """The codes of the findings at the moments that are tried."""
    _, tried = moments_of(app)
    assert len(tried) < 50
    subject = SessionTarget(app, "asgi", UserCode())
    cases = (replace(life(), moment=moment.name) for moment in tried)
    return {
        cause.occurrence.code
        for case in cases
        for cause in diagnose(run_case(case, subject)).causes
    }


def streaming(sender, *others):
    """A handler that runs ``sender(send)``, and ``others``, until the disconnect."""

    @application
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        tasks = [asyncio.create_task(work(send)) for work in (sender, *others)]
        try:
            while (await receive())["type"] != "websocket.disconnect":
                pass
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return app


def ticks(every):
    async def sender(send):
        with contextlib.suppress(OSError):
            while True:
                await asyncio.sleep(every)
                await send({"type": "websocket.send", "text": "tick"})

    return sender


LEFT: set[asyncio.Task[None]] = set()


async def forever():
    await asyncio.sleep(3600)


def at_the_fifth(*, ends):
    """Starts something at its fifth message, and ends it when it is cancelled, if it ``ends``."""

    async def sender(send):
        task, count = None, 0
        try:
            while True:
                await asyncio.sleep(FAST)
                await send({"type": "websocket.send", "text": "tick"})
                count += 1
                if count == 5:
                    task = asyncio.create_task(forever())
                    LEFT.add(task)
        finally:
            if task is not None:
                LEFT.discard(task)
                if ends:
                    task.cancel()

    return streaming(sender)


def from_the_fifth(*, guarded):
    """Its clean-up fails once it has sent five messages, which nothing but a number tells."""

    async def sender(send):
        count = 0
        try:
            while True:
                await asyncio.sleep(FAST)
                await send({"type": "websocket.send", "text": "tick"})
                count += 1
        finally:
            if count >= 5 and not guarded:
                LEFT.add(asyncio.create_task(forever()))

    return streaming(sender)


def for_three_messages(*, guarded):
    """From the fifth to the seventh message its clean-up fails, unless that is ``guarded``."""

    async def sender(send):
        busy, count = False, 0
        try:
            while True:
                await asyncio.sleep(FAST)
                await send({"type": "websocket.send", "text": "tick"})
                count += 1
                busy = count in {5, 6, 7}
        finally:
            if busy and not guarded:
                LEFT.add(asyncio.create_task(forever()))

    return streaming(sender)


at_work = False


def for_three_messages_by_a_global(*, guarded):
    """The same, and a global variable tells."""

    async def sender(send):
        global at_work  # noqa: PLW0603 - as people do it
        count = 0
        try:
            while True:
                await asyncio.sleep(FAST)
                await send({"type": "websocket.send", "text": "tick"})
                count += 1
                at_work = count in {5, 6, 7}
        finally:
            if at_work and not guarded:
                LEFT.add(asyncio.create_task(forever()))

    return streaming(sender)


def side_by_side(*, guarded):
    """While one task sends, another one is at times at work on something that it must give back."""

    async def other(send):
        for _ in range(3):
            await asyncio.sleep(0.07)
        try:
            await asyncio.sleep(FAST)
        except asyncio.CancelledError:
            if not guarded:
                LEFT.add(asyncio.create_task(forever()))
            raise
        await forever()

    return streaming(ticks(FAST), other)


@pytest.mark.parametrize(
    "handler, option",
    [
        (at_the_fifth, "ends"),
        (from_the_fifth, "guarded"),
        (for_three_messages, "guarded"),
        (for_three_messages_by_a_global, "guarded"),
        (side_by_side, "guarded"),
    ],
)
def test_what_happens_once_or_only_later_is_met(handler, option):
    assert codes_of(handler(**{option: False})) == {"WSD301"}
    assert codes_of(handler(**{option: True})) == set()
    LEFT.clear()


def test_a_global_variable_that_suspended_code_names_is_met_however_many_there_are(monkeypatch):
    monkeypatch.setattr(states, "_MOST", 0)
    assert codes_of(for_three_messages_by_a_global(guarded=False)) == {"WSD301"}
    LEFT.clear()


@pytest.mark.parametrize("server", SERVERS)
def test_a_fast_stream_has_hardly_more_moments_to_try_than_a_slow_one(server):
    _, slow = moments_of(streaming(ticks(SLOW)), life(server))
    all_fast, fast = moments_of(streaming(ticks(FAST)), life(server))
    assert len(all_fast) > 4 * len(fast)
    assert len(fast) <= 1.5 * len(slow)
    assert {m.suspended for m in all_fast} == {m.suspended for m in fast}


def test_a_moment_is_tried_again_if_only_the_state_tells_it_from_another():
    def moments(*states):
        return [MomentPassed(f"send#{n}+1", state=state) for n, state in enumerate(states, 1)]

    def numbers(*states):
        return [moment.name for moment in apart(moments(*states))]

    assert numbers(1, 2, 3) == ["send#1+1", "send#2+1", "send#3+1"]
    assert numbers(1, 1, 1, 1, 1) == ["send#1+1", "send#2+1", "send#5+1"]
    assert numbers(1, 1, 1, 2, 1, 1) == ["send#1+1", "send#2+1", "send#4+1", "send#6+1"]
    assert len(numbers(0, 0, 0, 0, 0)) == 5, "what has no state is not known to be like another"
