"""ASGI without a framework: a task that is cancelled twice, and a number that some ways out lead past."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class LeftError(Exception):
    """The client has left."""


async def save(text: str) -> None:
    await asyncio.sleep(0.01, text)


# --- viewers of a film; the twin keeps how far they came in a task that nobody cancels

viewers_bug: set[object] = set()
viewers_ok: set[object] = set()


async def film_bug(send: Send) -> None:
    viewer = object()
    viewers_bug.add(viewer)
    try:
        while True:
            await send({"type": "websocket.send", "text": "frame"})
            await asyncio.sleep(1)
    except OSError:
        pass
    finally:
        await save("how far it came")  # <- WSD206 film
        viewers_bug.discard(viewer)


async def film_ok(send: Send) -> None:
    viewer = object()
    viewers_ok.add(viewer)

    async def leave() -> None:
        await save("how far it came")
        viewers_ok.discard(viewer)

    try:
        while True:
            await send({"type": "websocket.send", "text": "frame"})
            await asyncio.sleep(1)
    except OSError:
        pass
    finally:
        await asyncio.shield(leave())


async def show(film: Coroutine[Any, Any, None], receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    try:
        async with asyncio.TaskGroup() as group:
            showing = group.create_task(film)
            while (await receive())["type"] != "websocket.disconnect":
                pass
            showing.cancel()
            await asyncio.sleep(0)
            raise LeftError
    except* LeftError:
        pass


# --- connections that are checked out; the bug's are given back only after the last question

checked_out: dict[str, int] = {"bug": 0, "ok": 0}


async def desk_bug(receive: Receive, send: Send) -> None:
    checked_out["bug"] += 1  # <- WSD305 desk
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["text"] == "bye":
            checked_out["bug"] -= 1
            await send({"type": "websocket.close"})
            return


async def desk_ok(receive: Receive, send: Send) -> None:
    checked_out["ok"] += 1
    while (message := await receive())["type"] != "websocket.disconnect":
        if message["text"] == "bye":
            await send({"type": "websocket.close"})
            break
    checked_out["ok"] -= 1


async def app(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        return
    if scope["path"].startswith("/film"):
        film = film_bug if scope["path"] == "/film-bug" else film_ok
        await show(film(send), receive, send)
    else:
        await receive()
        await send({"type": "websocket.accept"})
        desk = desk_bug if scope["path"] == "/desk-bug" else desk_ok
        await desk(receive, send)
