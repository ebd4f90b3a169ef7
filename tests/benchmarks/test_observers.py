"""The cost of observation: a session with its observers, compared with one without any.

Engine, server and client are the same. The tap and the observers of tasks, generators, threads, locks, logs
and the loop's complaints are removed. The measure is CPU time of this process, the least of several rounds.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import warnings

import pytest
from msgspec.structs import replace

from tests.session.apps import application
from tests.session.cells import wire
from wsdoctor.engine.catalogue import find_variant
from wsdoctor.plan.servers import SERVERS
from wsdoctor.recording.case import Case, Handshake, ReceiveStep, SendStep
from wsdoctor.recording.events import SendCalled, TaskCreated
from wsdoctor.session import run
from wsdoctor.session import session as course
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.target import TargetSpec, UserCode, load

LIMIT = 1.5
DENSE = 1.8
"""Limit for two hundred messages without a pause, a session of observed events only."""
SESSIONS = 10
ROUNDS = 5
MOST_ROUNDS = 40


class NoTap:
    """Only tells the session when the application is called, and when it has returned."""

    def __init__(self, app, recorder, connection_of, awareness):
        self.app = app
        self.wires = {}
        self.state = None
        self.connection_of = connection_of
        self.on_called = self.on_returned = lambda number: None

    async def __call__(self, scope, receive, send):
        if scope["type"] != "websocket":
            return await self.app(scope, receive, send)
        number = self.connection_of(scope)
        self.on_called(number)
        try:
            return await self.app(scope, receive, send)
        finally:
            self.on_returned(number)


class Nobody:
    """In the place of an observer: sees nothing, and has nothing to tell."""

    def __init__(self, *_, **__):
        pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    async def stays(self, *_):
        return False

    def alive(self, connection):
        return []

    def stacks(self, connection):
        return ()

    suspended = stacks

    def install(self, *_):
        pass

    adopt = hold = sample = returned = release = report = install


class NoLogs:
    def attach(self):
        pass


@contextlib.contextmanager
def nothing(_):
    """Logs are not even made, or they would be printed; nor are warnings, or they would be errors."""
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield NoLogs()
    finally:
        logging.disable(logging.NOTSET)


@contextlib.contextmanager
def nobody_looking():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(course, "Tap", NoTap)
        patch.setattr(course, "TaskObserver", Nobody)
        patch.setattr(course, "GeneratorObserver", Nobody)
        patch.setattr(course, "carry_into_threads", lambda loop: None)
        patch.setattr(course, "exception_handler", lambda recorder, loop, context: None)
        patch.setattr(run, "captured", nothing)
        patch.setattr(run, "observed", nothing)
        patch.setattr(run, "LockObserver", Nobody)
        patch.setattr(run, "Awareness", Nobody)
        yield


@application
async def chatty(scope, receive, send):
    """Two hundred messages without a pause, every fifth from a task of its own."""
    await receive()
    await send({"type": "websocket.accept"})
    for number in range(200):
        sending = send({"type": "websocket.send", "text": "tick"})
        await (sending if number % 5 else asyncio.create_task(sending))
    while (await receive())["type"] != "websocket.disconnect":
        pass


def variant(name):
    target = load(TargetSpec(f"{find_variant(name).path}:app"))
    return SessionTarget(
        target.build(), target.framework, target.user_code, target.routes[0].handler
    )


def seconds(subject, case):
    """CPU seconds of one round."""
    start = time.process_time()
    for _ in range(SESSIONS):
        run_case(case, subject)
    return time.process_time() - start


LIFE = Case(
    route="/ws",
    server="uvicorn:wsproto",
    kind="close",
    moment="idle",
    handshake=Handshake(path="/ws"),
)


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(
    "name, subject, script",
    [
        ("fixed", lambda: variant("fixed"), (ReceiveStep(2),)),
        ("websocket-listener", lambda: variant("websocket-listener"), (SendStep(text="hi"),)),
        ("200 messages", lambda: SessionTarget(chatty, "asgi", UserCode()), (ReceiveStep(200),)),
    ],
)
def test_observers_cost_half_a_session_at_most(name, subject, script, server, capsys):
    subject, case = subject(), replace(LIFE, server=server, script=script)
    with nobody_looking():
        blind = run_case(case, subject)
    seen = run_case(case, subject)
    assert not any(isinstance(event, SendCalled | TaskCreated) for event in blind.events)
    assert wire(blind) == wire(seen), "the client lives the same life"
    looking: list[float] = []
    without: list[float] = []
    limit = DENSE if name == "200 messages" else LIMIT
    ratio = limit + 1
    while ratio > limit and len(looking) < MOST_ROUNDS:
        for _ in range(ROUNDS):
            looking.append(seconds(subject, case))
            with nobody_looking():
                without.append(seconds(subject, case))
        ratio = min(looking) / min(without)
    with capsys.disabled():
        each = f"{min(looking) / SESSIONS * 1000:.2f} ms to {min(without) / SESSIONS * 1000:.2f} ms"
        print(f"\nobservers, {name} on {server}: {ratio:.2f} x a session without ({each})", end="")
    assert ratio <= limit
