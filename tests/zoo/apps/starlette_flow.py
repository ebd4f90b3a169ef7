"""Starlette: reader and writer with queues, streams and time-outs between them."""

import asyncio
import contextlib
import functools

import anyio
import anyio.from_thread
import anyio.to_thread
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

# --- reads into a memory object stream; the other end waits for more


async def forward(websocket: WebSocket, lines) -> None:
    async for line in lines:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await websocket.send_text(line)


async def pipe_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    into, out = anyio.create_memory_object_stream(10)
    async with anyio.create_task_group() as group:  # <- WSD402 pipe
        group.start_soon(forward, websocket, out)
        async for text in websocket.iter_text():
            await into.send(text)


async def pipe_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    into, out = anyio.create_memory_object_stream(10)
    async with anyio.create_task_group() as group:
        group.start_soon(forward, websocket, out)
        async with into:
            with contextlib.suppress(RuntimeError):  # of a read after a send that failed
                async for text in websocket.iter_text():
                    await into.send(text)


# --- a rendezvous with a consumer that has given up


async def first_three(lines) -> None:
    for _ in range(3):
        await lines.receive()


async def first_three_of_all(lines) -> None:
    async with lines:
        for _ in range(3):
            await lines.receive()


async def rendezvous_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    into, out = anyio.create_memory_object_stream(0)
    asyncio.create_task(first_three(out))  # <- WSD303 rendezvous
    async for text in websocket.iter_text():
        await into.send(text)


async def rendezvous_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    into, out = anyio.create_memory_object_stream(0)
    consumer = asyncio.create_task(first_three_of_all(out))
    try:
        async for text in websocket.iter_text():
            with contextlib.suppress(anyio.BrokenResourceError):  # it has had its three
                await into.send(text)
    finally:
        consumer.cancel()
        await asyncio.wait([consumer])


# --- waits until the queue is worked off, and nobody works any more


async def join_bug(websocket: WebSocket) -> None:
    jobs: asyncio.Queue[str] = asyncio.Queue()
    await websocket.accept()
    try:
        async for text in websocket.iter_text():
            jobs.put_nowait(text)
            await websocket.send_text("queued")
    finally:
        await jobs.join()  # <- WSD402 join


async def join_ok(websocket: WebSocket) -> None:
    jobs: asyncio.Queue[str] = asyncio.Queue()

    async def work() -> None:
        while True:
            await jobs.get()
            await asyncio.sleep(0.002)
            jobs.task_done()

    await websocket.accept()
    working = asyncio.create_task(work())
    try:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                jobs.put_nowait(await websocket.receive_text())
                await websocket.send_text("queued")
        await jobs.join()
    finally:
        working.cancel()


# --- asks the state, which nobody reads


async def state_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while websocket.client_state is WebSocketState.CONNECTED:
            await websocket.send_json({"temperature": 21})
            await asyncio.sleep(5)  # <- WSD204 state


async def state_ok(websocket: WebSocket) -> None:
    async def watch() -> None:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass

    await websocket.accept()
    watching = asyncio.create_task(watch())
    try:
        with contextlib.suppress(WebSocketDisconnect):
            while not watching.done():
                await websocket.send_json({"temperature": 21})
                await asyncio.wait([watching], timeout=5)
    finally:
        watching.cancel()


# --- gather that takes errors for results: it waits for the other half


async def pulse(websocket: WebSocket, period: float) -> None:
    while True:
        await asyncio.sleep(period)
        await websocket.send_text("pulse")


async def listen(websocket: WebSocket) -> None:
    while True:
        await websocket.receive_text()


async def patient_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    await asyncio.gather(  # <- WSD401 patient
        listen(websocket), pulse(websocket, 30), return_exceptions=True
    )


async def patient_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    pulsing = asyncio.create_task(pulse(websocket, 30))
    await asyncio.gather(listen(websocket), return_exceptions=True)
    pulsing.cancel()
    await asyncio.gather(pulsing, return_exceptions=True)


# --- hears nothing for a while and asks again, with the old question still open


async def impatient_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    for _ in range(100):
        reading = asyncio.create_task(websocket.receive_text())  # <- WSD105 impatient
        done, _ = await asyncio.wait([reading], timeout=0.5)
        if done:
            break
        await websocket.send_text("still there?")


async def impatient_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    reading = asyncio.create_task(websocket.receive_text())
    try:
        for _ in range(100):
            done, _ = await asyncio.wait([reading], timeout=0.5)
            if done:
                break
            with contextlib.suppress(WebSocketDisconnect):
                await websocket.send_text("still there?")
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


# --- a deadline for the whole conversation


async def deadline_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        async with asyncio.timeout(1.5):  # <- WSD602 deadline
            while True:
                await websocket.receive_text()


async def deadline_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        try:
            async with asyncio.timeout(1.5):
                while True:
                    await websocket.receive_text()
        except TimeoutError:
            await websocket.close(1000, "time is up")


# --- reads in `on_connect`, and the class reads on afterwards


class DialogBug(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        async for text in websocket.iter_text():  # <- WSD104 dialog
            await websocket.send_text(text[::-1])


class DialogOk(WebSocketEndpoint):
    encoding = "text"

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await websocket.send_text(data[::-1])


# --- one task for each message, and nobody looks after them


class TranslatorBug(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.work: set[asyncio.Task[None]] = set()

    async def translate(self, websocket: WebSocket, data: str) -> None:
        await asyncio.sleep(8)
        await websocket.send_text(data.swapcase())

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        task = asyncio.create_task(self.translate(websocket, data))  # <- WSD301 translator
        self.work.add(task)
        task.add_done_callback(self.work.discard)


class TranslatorOk(TranslatorBug):
    async def translate(self, websocket: WebSocket, data: str) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await super().translate(websocket, data)

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        task = asyncio.create_task(self.translate(websocket, data))
        self.work.add(task)
        task.add_done_callback(self.work.discard)

    async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
        for task in self.work:
            task.cancel()


# --- a sum in a thread, which says how far it is


def render(websocket: WebSocket, pages: int) -> None:
    for page in range(pages):
        anyio.from_thread.run(websocket.send_text, f"page {page}")
        anyio.from_thread.run(anyio.sleep, 2)


async def printer_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        await anyio.to_thread.run_sync(render, websocket, 50)  # <- WSD204 printer


def render_some(websocket: WebSocket, pages: int, stop: list[bool]) -> None:
    for page in range(pages):
        if stop:
            break
        anyio.from_thread.run(websocket.send_text, f"page {page}")
        anyio.from_thread.run(anyio.sleep, 0.5)


async def printer_ok(websocket: WebSocket) -> None:
    stop: list[bool] = []

    async def watch() -> None:
        async for _ in websocket.iter_text():
            pass
        stop.append(True)

    await websocket.accept()
    watching = asyncio.create_task(watch())
    try:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await anyio.to_thread.run_sync(render_some, websocket, 10, stop)
        with contextlib.suppress(RuntimeError):  # of a read after a send that failed
            await watching
    finally:
        watching.cancel()


# --- a time limit for each send, and a shield around it


async def shielded_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.sleep(10)  # <- WSD401 shielded


async def shielded_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        with anyio.move_on_after(0.1, shield=True):
            await anyio.sleep(10)


# --- waits for an event that only its client could bring about


async def gate_bug(websocket: WebSocket) -> None:
    opened = asyncio.Event()
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.send_text("press the button")
    await opened.wait()  # <- WSD204 gate
    await websocket.send_text("thank you")


async def gate_ok(websocket: WebSocket) -> None:
    opened = asyncio.Event()

    async def buttons() -> None:
        async for text in websocket.iter_text():
            if text == "press":
                opened.set()
        opened.set()

    await websocket.accept()
    watching = asyncio.create_task(buttons())
    with contextlib.suppress(WebSocketDisconnect):
        await websocket.send_text("press the button")
    await opened.wait()
    await watching


# --- progress every ten milliseconds, and a close in `finally`


async def progress(websocket: WebSocket) -> None:
    for percent in range(30):
        await websocket.send_json({"percent": percent})
        await asyncio.sleep(0.01)


async def upload_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        await progress(websocket)
        await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        await websocket.close()  # <- WSD101 upload


async def upload_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):  # the close may lose the race, too
        await progress(websocket)
        await websocket.receive_text()
        await websocket.close()


# --- a lock that keeps the answers in order, and a writer that goes on


class Orderly:
    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.lock = asyncio.Lock()

    async def say(self, text: str) -> None:
        async with self.lock:
            await self.websocket.send_text(text)
            await asyncio.sleep(0.05)

    async def count(self) -> None:
        number = 0
        while True:
            number += 1
            await self.say(str(number))
            await asyncio.sleep(1)


async def orderly_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    orderly = Orderly(websocket)
    asyncio.ensure_future(orderly.count())  # <- WSD301 orderly
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await orderly.say(await websocket.receive_text())


async def orderly_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    orderly = Orderly(websocket)
    counting = asyncio.ensure_future(orderly.count())
    try:
        while True:
            await orderly.say(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        if not counting.done():
            counting.cancel()
        await asyncio.gather(counting, return_exceptions=True)


# --- the first result of several workers


async def search_one(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return f"found after {seconds} s"


async def race_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()
            for result in asyncio.as_completed(  # <- WSD301 race
                [search_one(0.05), search_one(300)]
            ):
                await websocket.send_text(await result)
                break


async def race_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()
            tasks = [asyncio.create_task(search_one(0.05)), asyncio.create_task(search_one(300))]
            try:
                for result in asyncio.as_completed(tasks):
                    await websocket.send_text(await result)
                    break
            finally:
                for task in tasks:
                    task.cancel()


HANDLERS = {
    "pipe": (pipe_bug, pipe_ok),
    "rendezvous": (rendezvous_bug, rendezvous_ok),
    "join": (join_bug, join_ok),
    "state": (state_bug, state_ok),
    "patient": (patient_bug, patient_ok),
    "impatient": (impatient_bug, impatient_ok),
    "deadline": (deadline_bug, deadline_ok),
    "dialog": (DialogBug, DialogOk),
    "translator": (TranslatorBug, TranslatorOk),
    "printer": (printer_bug, printer_ok),
    "shielded": (shielded_bug, shielded_ok),
    "gate": (gate_bug, gate_ok),
    "upload": (upload_bug, upload_ok),
    "orderly": (orderly_bug, orderly_ok),
    "race": (race_bug, race_ok),
}

app = Starlette(
    routes=[
        WebSocketRoute(f"/{name}-{which}", handler)
        for name, pair in HANDLERS.items()
        for which, handler in zip(("bug", "ok"), pair)
    ]
)
