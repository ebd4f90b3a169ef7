"""What the remedies share: how they are laid out, and the one idiom that ends a task.

Every snippet stands in an example that is shown to be clean (tests/rules).
"""

from __future__ import annotations

import textwrap


def remedy(*parts: str) -> str:
    """Paragraphs one below the other; a part that begins with a line break is code."""
    return "\n\n".join(_code(part) if part.startswith("\n") else part for part in parts)


def _code(part: str) -> str:
    return textwrap.indent(textwrap.dedent(part).strip("\n"), "    ")


REPORT = "with the test that `wsdoctor replay ... --emit pytest` writes: it runs without wsdoctor."
"""How to tell other maintainers."""

OTHER_SERVERS = (
    "Until it is corrected, try an implementation that is not affected: `uvicorn --ws websockets-sansio`, "
    "`wsproto` or `websockets`."
)

CANCEL_THEN_WAIT = """
    task = asyncio.create_task(...)
    try:
        ...
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
"""

CANCEL_THEN_WAIT_ASGI = """
    task = asyncio.create_task(...)
    try:
        while (await receive())["type"] != "websocket.disconnect":
            ...
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
"""

CANCEL_IN_LIFESPAN = """
    task = asyncio.create_task(stream(socket))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
"""

CANCEL_IN_HOOKS = """
    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.task = asyncio.create_task(...)

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        if not self.task.done():
            self.task.cancel()
            await asyncio.wait([self.task])
"""

CANCEL_IN_HOOKS_LITESTAR = """
    async def on_accept(self, socket: WebSocket) -> None:
        socket.state.task = asyncio.create_task(...)

    async def on_disconnect(self, socket: WebSocket) -> None:
        task = socket.state.task
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
"""

CATCH = """
    try:
        while True:
            ...
    except WebSocketDisconnect:
        pass
"""

CATCH_REFUSED = """
    try:
        while True:
            ...
    except OSError:
        pass
"""

CATCH_REFUSED_LITESTAR = """
    try:
        while True:
            ...
    except (WebSocketDisconnect, OSError):
        pass
"""

CATCH_AT_YIELD = """
    try:
        yield
    except WebSocketDisconnect:
        pass
"""

READ_BESIDE_TASK = """
    task = asyncio.create_task(...)
    try:
        while True:
            inbox.put_nowait(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
"""

LIMIT = """
    try:
        ...
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await ...
"""

# Not `await task`: that raises the task's CancelledError (WSD501). Not `suppress(CancelledError)`:
# that also swallows a cancellation from outside, such as that of the server's graceful time-out.
# Not `gather(task, return_exceptions=True)`: that retrieves an error of the task, and nobody sees
# it. Not `cancel()` on a task that is done: that, too, keeps asyncio from logging its error. Not a
# TaskGroup: it wraps what the handler raises on purpose, and the framework no longer knows it.
WHY_WAIT = (
    "`asyncio.wait` does not raise what the task ended with, and lets a cancellation from outside "
    "through. A task that has failed before is left alone: `cancel()` would keep asyncio from "
    "logging its error."
)

CANCELLED_GOODBYE = (
    "Nothing has to change: whoever cancelled the task expects what is raised, and the message cannot "
    "arrive. To spare the server the attempt, let the task end without it, and say good-bye where the "
    "application itself ends the conversation."
)

STOP_CONSUMER = """
    async def websocket_disconnect(self, event: dict[str, str]) -> None:
        raise StopConsumer
"""

WHY_STOP_CONSUMER = (
    "The package that calls your class goes on until one of its methods ends the connection. In Channels "
    "that is `raise StopConsumer`, after what there is to clean up. (In a WebsocketConsumer override "
    "`disconnect()` instead, and leave `websocket_disconnect()` as it is: it raises StopConsumer by itself.)"
)

MAY_NOTICE_FIRST = (
    "The task may be the first to notice that the client has left. Let it end quietly then:"
)

EXPECT_THE_END = """
    with suppress(WebSocketDisconnect):
        while True:
            ...
"""

EXPECT_THE_END_ASGI = """
    with suppress(OSError):
        while True:
            ...
"""

EXPECT_THE_END_LITESTAR = """
    with suppress(WebSocketDisconnect, OSError):
        while True:
            ...
"""
