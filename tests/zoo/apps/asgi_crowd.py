"""No framework: rounds in which everybody is served at once, and a lock that nobody gives back."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]
MESSAGE = {"type": "websocket.send", "text": "beat"}


async def listen(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


# --- all at once, and then the next round: it begins when the slowest has taken this one

together: list[Send] = []
apart: dict[Send, asyncio.Queue[dict[str, Any]]] = {}


async def beat_bug() -> None:
    while True:
        await asyncio.sleep(1)
        sends = [send(MESSAGE) for send in together]
        await asyncio.gather(*sends, return_exceptions=True)  # <- WSD405 beat


async def beat_client_bug(receive: Receive, send: Send) -> None:
    together.append(send)
    try:
        await listen(receive)
    finally:
        together.remove(send)


async def beat_ok() -> None:
    while True:
        await asyncio.sleep(1)
        for queue in list(apart.values()):
            with suppress(asyncio.QueueFull):
                queue.put_nowait(MESSAGE)


async def beat_client_ok(receive: Receive, send: Send) -> None:
    queue = apart[send] = asyncio.Queue(2)

    async def pass_on() -> None:
        with suppress(OSError, RuntimeError):
            while True:
                await send(await queue.get())

    task = asyncio.create_task(pass_on())
    try:
        await listen(receive)
    finally:
        del apart[send]
        task.cancel()
        await asyncio.wait([task])


# --- who finds a client gone forgets to give the lock back

SEATS: dict[str, list[Send]] = {"bug": [], "ok": []}
LOCKS: dict[str, asyncio.Lock] = {}


async def relay_bug() -> None:
    lock = LOCKS["bug"]
    while True:
        await asyncio.sleep(1)
        await lock.acquire()
        for send in list(SEATS["bug"]):
            try:
                await send(MESSAGE)  # <- WSD405 relay
            except (OSError, RuntimeError):
                SEATS["bug"].remove(send)
                break
        else:
            lock.release()


async def relay_ok() -> None:
    while True:
        await asyncio.sleep(1)
        async with LOCKS["ok"]:
            for send in list(SEATS["ok"]):
                try:
                    async with asyncio.timeout(1):
                        await send(MESSAGE)
                except (TimeoutError, OSError, RuntimeError):
                    SEATS["ok"].remove(send)


async def relay_client_bug(receive: Receive, send: Send) -> None:
    SEATS["bug"].append(send)
    await listen(receive)


async def relay_client_ok(receive: Receive, send: Send) -> None:
    SEATS["ok"].append(send)
    try:
        await listen(receive)
    finally:
        if send in SEATS["ok"]:
            SEATS["ok"].remove(send)


CLIENTS = {
    "/beat-bug": beat_client_bug,
    "/beat-ok": beat_client_ok,
    "/relay-bug": relay_client_bug,
    "/relay-ok": relay_client_ok,
}


PUBLISHERS = (beat_bug, beat_ok, relay_bug, relay_ok)


async def lifespan(receive: Receive, send: Send) -> None:
    await receive()
    LOCKS.update(bug=asyncio.Lock(), ok=asyncio.Lock())
    tasks = [asyncio.create_task(run()) for run in PUBLISHERS]
    await send({"type": "lifespan.startup.complete"})
    await receive()
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await send({"type": "lifespan.shutdown.complete"})


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
        return
    await receive()
    await send({"type": "websocket.accept"})
    await CLIENTS[scope["path"]](receive, send)
