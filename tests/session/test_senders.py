"""The sender of a message is the user's code or the framework, whatever middleware it passes."""

from __future__ import annotations

from typing import Any

import pytest
from litestar import Litestar, WebSocket, websocket, websocket_listener
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, WebSocketRoute
from starlette.websockets import WebSocketDisconnect

from tests.session.apps import _accept, application
from tests.session.cells import SANSIO, all_of, run
from wsdoctor.recording.case import SendStep
from wsdoctor.recording.events import SendCalled


@application
async def raw(scope, receive, send):
    await _accept(receive, send)
    while (await receive())["type"] != "websocket.disconnect":
        pass
    await send({"type": "websocket.close"})


def starlette() -> Any:
    async def handler(ws: Any) -> None:
        await ws.accept()
        try:
            while True:
                await ws.receive_text()
        except WebSocketDisconnect:
            await tell(ws)

    async def tell(ws: Any) -> None:
        await ws.close()

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


def endpoint() -> Any:
    class Echo(WebSocketEndpoint):
        async def on_disconnect(self, websocket: Any, close_code: int) -> None:
            await websocket.send_text("bye")

    return Starlette(routes=[WebSocketRoute("/ws", Echo)])


def denial() -> Any:
    async def handler(ws: Any) -> None:
        await ws.send_denial_response(PlainTextResponse("no", 403))

    return Starlette(routes=[WebSocketRoute("/ws", handler)])


def listener() -> Any:
    @websocket_listener("/ws")
    async def echo(data: str) -> str:
        raise LookupError(data)

    return Litestar([echo], openapi_config=None, logging_config=None)


def handler() -> Any:
    @websocket("/ws")
    async def reads(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()
        await socket.receive_text()
        await socket.close()

    return Litestar([reads], openapi_config=None, logging_config=None)


def bare(app: Any) -> Any:
    return app


def passing(app: Any) -> Any:
    """Middleware that only calls the application."""

    async def middleware(scope, receive, send):
        await app(scope, receive, send)

    return middleware


def wrapping(app: Any) -> Any:
    """Middleware that looks at every message, and hands it on."""

    class Middleware:
        async def __call__(self, scope, receive, send):
            async def watched(message):
                await send(message)

            async def listened():
                return await receive()

            await app(scope, listened, watched)

    return Middleware()


def changing(app: Any) -> Any:
    """Middleware that hands on a message of its own making."""

    async def middleware(scope, receive, send):
        async def marked(event):
            await send({**event})

        await app(scope, receive, marked)

    return middleware


def surrounded(app: Any) -> Any:
    """Middleware with a framework around it, which has middleware of its own."""
    return Starlette(routes=[Mount("/", wrapping(app))])


def twice(app: Any) -> Any:
    """Middleware around middleware."""
    return wrapping(changing(app))


MIDDLEWARE = [bare, passing, wrapping, changing, surrounded, twice]


@pytest.mark.parametrize("middleware", MIDDLEWARE)
@pytest.mark.parametrize(
    "make, message, sender, function",
    [
        (starlette, "websocket.accept", "user", "handler"),
        (starlette, "websocket.close", "user", "tell"),
        (endpoint, "websocket.accept", "framework", ""),
        (endpoint, "websocket.send", "user", "on_disconnect"),
        (denial, "websocket.http.response.start", "user", "handler"),
        (listener, "websocket.accept", "framework", ""),
        (listener, "websocket.close", "framework", ""),
        (handler, "websocket.accept", "user", "reads"),
        (handler, "websocket.close", "user", "reads"),
    ],
)
def test_who_sends(make, message, sender, function, middleware):
    recording = run(middleware(make()), server=SANSIO, script=(SendStep(text="hello"),))
    call = next(call for call in all_of(recording, SendCalled) if call.message == message)
    assert call.sender == sender
    users = [frame.function.rpartition(".")[2] for frame in call.stack]
    assert "watched" not in users
    assert "marked" not in users
    if function:
        assert users[-1] == function


@pytest.mark.parametrize("middleware", MIDDLEWARE)
def test_a_plain_application_sends_by_itself(middleware):
    """Below its own middleware, too: one user's function calls another."""
    recording = run(middleware(raw), server=SANSIO)
    calls = [call for call in all_of(recording, SendCalled) if call.message == "websocket.close"]
    assert [call.sender for call in calls] == ["user"]


def test_middleware_that_sends_by_itself_is_the_users():
    def closing(app: Any) -> Any:
        async def middleware(scope, receive, send):
            await app(scope, receive, send)
            if scope["type"] == "websocket":
                await send({"type": "websocket.close"})

        return middleware

    def handler() -> Any:
        async def echo(ws: Any) -> None:
            await ws.accept()
            async for _ in ws.iter_text():
                pass

        return Starlette(routes=[WebSocketRoute("/ws", echo)])

    recording = run(closing(handler()), server=SANSIO)
    (call,) = (call for call in all_of(recording, SendCalled) if call.message == "websocket.close")
    assert call.sender == "user"
    assert call.stack[-1].function.endswith("middleware")


def test_a_helper_that_is_given_the_message_by_the_users_own_code_is_the_users():
    async def tell(send, message):
        await send(message)

    @application
    async def app(scope, receive, send):
        await _accept(receive, send)
        await tell(send, {"type": "websocket.close"})

    (call,) = (call for call in all_of(run(app), SendCalled) if call.message == "websocket.close")
    assert call.sender == "user"
    assert call.stack[-1].function.endswith("tell")
