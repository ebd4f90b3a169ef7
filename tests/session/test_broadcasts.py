"""A task of the application's sends to all clients, and its timer fires as one of them leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.session.apps import echo
from tests.session.cells import ALL, all_of, run
from tests.session.test_beside import judged
from wsdoctor.recording.events import ReceiveReturned, ScriptStopped, SendReturned


def broadcasting(*, careful: bool, every: float = 0.1) -> Callable[[], Any]:
    def make() -> Any:
        clients: set[WebSocket] = set()

        async def broadcast() -> None:
            while True:
                await asyncio.sleep(every)
                for client in list(clients):
                    try:
                        await client.send_text("tick")
                    except WebSocketDisconnect:
                        if not careful:
                            raise
                        clients.discard(client)

        async def endpoint(websocket: WebSocket) -> None:
            await websocket.accept()
            clients.add(websocket)
            try:
                async for text in websocket.iter_text():
                    await websocket.send_text(f"{text} to you")
            finally:
                clients.discard(websocket)

        @contextlib.asynccontextmanager
        async def lifespan(_: Starlette) -> AsyncIterator[None]:
            task = asyncio.create_task(broadcast())
            yield
            task.cancel()
            await asyncio.wait([task])

        return Starlette(routes=[WebSocketRoute("/ws", endpoint)], lifespan=lifespan)

    return make


def ticking_for_itself() -> Any:
    async def endpoint(websocket: WebSocket) -> None:
        await websocket.accept()
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await asyncio.sleep(0.1)
                await websocket.send_text("tick")

    return Starlette(routes=[WebSocketRoute("/ws", endpoint)])


@pytest.mark.parametrize("server", ALL)
def test_it_sends_when_the_server_knows_of_the_end_and_the_handler_does_not(server):
    recording = run(broadcasting(careful=True)(), "abort", "timer", server)
    events = list(recording.events)
    (refused,) = (e for e in all_of(recording, SendReturned) if e.exception is not None)
    (told,) = (e for e in all_of(recording, ReceiveReturned) if e.code is not None)
    assert events.index(refused) < events.index(told)


@pytest.mark.parametrize(
    "app, has",
    [(broadcasting(careful=True)(), True), (ticking_for_itself(), False), (echo, False)],
    ids=["to all", "to one", "answers"],
)
def test_a_survey_tells_whether_there_is_one(app, has):
    assert run(app, "close", "survey").shared_timer is has
    recording = run(app, "close", "timer")
    assert bool(all_of(recording, ScriptStopped)) is not has


@pytest.mark.parametrize("says", ["", "hello"], ids=["silent", "gets answers all the same"])
@pytest.mark.parametrize("every", [0.1, 0.25, 0.6])
@pytest.mark.parametrize("server", ALL)
def test_what_the_others_get_must_not_end_with_it(server, every, says):
    """The answers may be more, in the end, than all messages that the control has seen."""
    found = judged(broadcasting(careful=False, every=every), "abort", server, "timer", says)
    (cause,) = found.causes
    assert (cause.occurrence.code, cause.occurrence.severity) == ("WSD405", "error")
    lost = "got nothing from it any more" if says else "got nothing any more"
    assert lost in cause.occurrence.message
    found = judged(broadcasting(careful=True, every=every), "abort", server, "timer", says)
    assert (found.causes, found.result.verdict) == ((), "healthy")
