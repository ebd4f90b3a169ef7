"""ASGI applications without a framework: functions and a class behind one dispatcher."""
# ruff: noqa: RUF006

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def gone(receive: Receive) -> None:
    """Read until the client has left."""
    while (await receive())["type"] != "websocket.disconnect":
        pass


# --- an echo that reads on


async def echo_bug(scope: Message, receive: Receive, send: Send) -> None:
    while True:
        message = await receive()  # <- WSD104 echo
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        elif message["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": "got it"})


async def echo_ok(scope: Message, receive: Receive, send: Send) -> None:
    """An answer that loses the race raises an OSError, which the server ignores."""
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["type"] == "websocket.connect":
            await send({"type": "websocket.accept"})
        else:
            await send({"type": "websocket.send", "text": "got it"})


# --- close whatever happens


async def close_bug(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    try:
        await gone(receive)
    finally:
        await send({"type": "websocket.close"})  # <- WSD101 close


async def close_ok(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            await gone(receive)
            return
    await send({"type": "websocket.close"})


# --- no answer to the handshake


async def answer_bug(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    if scope["query_string"]:
        await send({"type": "websocket.accept"})
        await gone(receive)


async def answer_ok(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    if scope["query_string"]:
        await send({"type": "websocket.accept"})
        await gone(receive)
    else:
        await send({"type": "websocket.close", "code": 4000})


# --- a class: every connection gets an instance, and a stream every 10 ms


class Stream:
    """Two hundred readings."""

    def __init__(self, send: Send, period: float) -> None:
        self.send = send
        self.period = period

    async def run(self) -> None:
        for number in range(200):
            await self.send({"type": "websocket.send", "text": str(number)})
            await asyncio.sleep(self.period)


class StreamAppBug:
    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        asyncio.create_task(Stream(send, 0.01).run())  # <- WSD302 stream
        await gone(receive)


class StreamAppOk:
    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        streaming = asyncio.create_task(Stream(send, 0.01).run())
        await gone(receive)
        streaming.cancel()
        await asyncio.gather(streaming, return_exceptions=True)


# --- a task group


async def group_bug(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    async with asyncio.TaskGroup() as tasks:  # <- WSD402 raw-group
        tasks.create_task(gone(receive))
        tasks.create_task(asyncio.Event().wait())


async def group_ok(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    try:
        async with asyncio.TaskGroup() as tasks:
            streaming = tasks.create_task(Stream(send, 0.5).run())
            await gone(receive)
            streaming.cancel()
    except* OSError:
        pass  # a send that lost the race; inside a group the server does not know it


# --- a worker that fails while the client is still there


async def countdown(send: Send, last: int) -> None:
    for number in range(2, last - 1, -1):
        await send({"type": "websocket.send", "text": f"{6 // number} left"})  # <- WSD602 worker
        await asyncio.sleep(0.1)


async def worker_bug(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    counting = asyncio.create_task(countdown(send, 0))
    leaving = asyncio.create_task(gone(receive))
    await asyncio.wait({counting, leaving}, return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    if not counting.done():
        counting.cancel()
        await asyncio.wait([counting])
    elif not counting.cancelled():
        counting.result()


async def worker_ok(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    counting = asyncio.create_task(countdown(send, 1))
    await gone(receive)
    if not counting.done():
        counting.cancel()
        await asyncio.wait([counting])
    elif not counting.cancelled():
        counting.result()


# --- reads ahead in a task, as Django Channels does: the task is told of the end first


async def read_ahead(receive: Receive, inbox: "asyncio.Queue[Message]") -> None:
    while True:
        message = await receive()
        inbox.put_nowait(message)
        if message["type"] == "websocket.disconnect":
            return


async def ahead_bug(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    reading = asyncio.create_task(read_ahead(receive, inbox))
    while (message := await inbox.get())["type"] == "websocket.receive":
        await asyncio.sleep(0.01)  # a look into the cache
        await send({"type": "websocket.send", "text": message.get("text") or "bytes"})
    await reading
    await asyncio.sleep(0.2)  # the last answers are to arrive
    await send({"type": "websocket.send", "text": "bye"})  # <- WSD102 ahead


async def ahead_ok(scope: Message, receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    inbox: asyncio.Queue[Message] = asyncio.Queue()
    reading = asyncio.create_task(read_ahead(receive, inbox))
    try:
        while (message := await inbox.get())["type"] == "websocket.receive":
            await asyncio.sleep(0.01)  # a look into the cache
            await send({"type": "websocket.send", "text": message.get("text") or "bytes"})
    finally:
        reading.cancel()
        await asyncio.wait([reading])


APPS = {
    "/ahead-bug": ahead_bug,
    "/ahead-ok": ahead_ok,
    "/echo-bug": echo_bug,
    "/echo-ok": echo_ok,
    "/close-bug": close_bug,
    "/close-ok": close_ok,
    "/answer-bug": answer_bug,
    "/answer-ok": answer_ok,
    "/stream-bug": StreamAppBug(),
    "/stream-ok": StreamAppOk(),
    "/raw-group-bug": group_bug,
    "/raw-group-ok": group_ok,
    "/worker-bug": worker_bug,
    "/worker-ok": worker_ok,
}


async def app(scope: Message, receive: Receive, send: Send) -> None:  # <- WSD106 answer
    if scope["type"] == "websocket":
        await APPS[scope["path"]](scope, receive, send)
