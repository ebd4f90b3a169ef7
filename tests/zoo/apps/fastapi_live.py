"""FastAPI: managers, publish and subscribe, pipelines, dependencies."""

import asyncio
import contextlib
from typing import Annotated

from fastapi import Depends, FastAPI, WebSocket, WebSocketDisconnect, status
from fastapi.concurrency import run_in_threadpool

app = FastAPI()


# --- publish and subscribe, as a broker's client library does it


class Broker:
    def __init__(self) -> None:
        self.queues: dict[str, set[asyncio.Queue[str]]] = {}

    async def publish(self, channel: str, message: str) -> None:
        for queue in self.queues.get(channel, ()):
            queue.put_nowait(message)

    @contextlib.asynccontextmanager
    async def subscribe(self, channel: str):
        queue: asyncio.Queue[str] = asyncio.Queue()
        self.queues.setdefault(channel, set()).add(queue)
        try:
            yield queue
        finally:
            self.queues[channel].discard(queue)


broker = Broker()


async def to_broker(websocket: WebSocket, channel: str) -> None:
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await broker.publish(channel, await websocket.receive_text())


async def from_broker(websocket: WebSocket, channel: str) -> None:
    async with broker.subscribe(channel) as queue:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                await websocket.send_text(await queue.get())


@app.websocket("/chat-bug")
async def chat_bug(websocket: WebSocket):
    await websocket.accept()
    await asyncio.gather(  # <- WSD402 chat
        to_broker(websocket, "chat"),
        from_broker(websocket, "chat"),
    )


@app.websocket("/chat-ok")
async def chat_ok(websocket: WebSocket):
    await websocket.accept()
    outgoing = asyncio.create_task(from_broker(websocket, "chat-ok"))
    incoming = asyncio.create_task(to_broker(websocket, "chat-ok"))
    await asyncio.wait([outgoing, incoming], return_when=asyncio.FIRST_COMPLETED)
    for task in (outgoing, incoming):
        task.cancel()
    await asyncio.gather(outgoing, incoming, return_exceptions=True)


# --- the same, and only the one that is done is looked at


@app.websocket("/notifications-bug")
async def notifications_bug(websocket: WebSocket):
    await websocket.accept()
    outgoing = asyncio.create_task(from_broker(websocket, "notes"))  # <- WSD301 notifications
    incoming = asyncio.create_task(to_broker(websocket, "notes"))
    done, _ = await asyncio.wait([outgoing, incoming], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


@app.websocket("/notifications-ok")
async def notifications_ok(websocket: WebSocket):
    await websocket.accept()
    outgoing = asyncio.create_task(from_broker(websocket, "notes-ok"))
    incoming = asyncio.create_task(to_broker(websocket, "notes-ok"))
    done, pending = await asyncio.wait([outgoing, incoming], return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    for task in done:
        task.result()


# --- waits for a database that has news every ten minutes


async def changes():
    while True:
        await asyncio.sleep(600)
        yield {"changed": "orders"}


@app.websocket("/changes-bug")
async def changes_bug(websocket: WebSocket):
    await websocket.accept()
    async for change in changes():  # <- WSD204 changes
        await websocket.send_json(change)


@app.websocket("/changes-ok")
async def changes_ok(websocket: WebSocket):
    async def pass_on() -> None:
        async with contextlib.aclosing(changes()) as all_changes:
            async for change in all_changes:
                await websocket.send_json(change)

    await websocket.accept()
    passing = asyncio.create_task(pass_on())
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        passing.cancel()


# --- tells the client of any error, and that it has left is one


@app.websocket("/assistant-bug")
async def assistant_bug(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            question = await websocket.receive_text()
            await websocket.send_text(f"about {question}: I do not know")
    except Exception as error:
        await websocket.close(code=1011, reason=type(error).__name__)  # <- WSD101 assistant


@app.websocket("/assistant-ok")
async def assistant_ok(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            question = await websocket.receive_text()
            await websocket.send_text(f"about {question}: I do not know")
    except WebSocketDisconnect:
        pass
    except Exception as error:
        await websocket.close(code=1011, reason=type(error).__name__)


# --- sends the error instead


@app.websocket("/voice-bug")
async def voice_bug(websocket: WebSocket):
    await websocket.accept()
    while True:
        try:
            await websocket.receive_text()
            await websocket.send_json({"type": "pong"})
        except Exception as error:
            await websocket.send_json({"type": "error", "detail": repr(error)})  # <- WSD102 voice
            break


@app.websocket("/voice-ok")
async def voice_ok(websocket: WebSocket):
    await websocket.accept()
    while True:
        try:
            await websocket.receive_text()
            await websocket.send_json({"type": "pong"})
        except WebSocketDisconnect:
            break
        except Exception as error:
            await websocket.send_json({"type": "error", "detail": repr(error)})
            break


# --- a pipeline that runs beside the conversation


class Pipeline:
    def __init__(self, websocket: WebSocket) -> None:
        self.websocket = websocket
        self.audio: asyncio.Queue[str] = asyncio.Queue(maxsize=5)

    async def run(self) -> None:
        while True:
            try:
                # Not wait_for(): before Python 3.12 it loses a cancellation that comes with the audio.
                async with asyncio.timeout(0.5):
                    chunk = await self.audio.get()
            except TimeoutError:
                continue
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await self.websocket.send_text(f"heard {len(chunk)} letters")


@app.websocket("/speech-bug")
async def speech_bug(websocket: WebSocket):
    await websocket.accept()
    pipeline = Pipeline(websocket)
    pipeline_task = asyncio.create_task(pipeline.run())  # <- WSD301 speech
    try:
        while True:
            await pipeline.audio.put(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    del pipeline_task


@app.websocket("/speech-ok")
async def speech_ok(websocket: WebSocket):
    await websocket.accept()
    pipeline = Pipeline(websocket)
    pipeline_task = asyncio.create_task(pipeline.run())
    try:
        while True:
            await pipeline.audio.put(await websocket.receive_text())
    except (WebSocketDisconnect, RuntimeError):  # of a read after a send that failed
        pass
    finally:
        pipeline_task.cancel()
        await asyncio.gather(pipeline_task, return_exceptions=True)


# --- a session that the dependency commits


class Session:
    async def commit(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # <- WSD401 ledger


async def slow_session():
    session = Session()
    try:
        yield session
    finally:
        await session.commit(3)


async def quick_session():
    session = Session()
    try:
        yield session
    finally:
        await session.commit(0.01)


@app.websocket("/ledger-bug")
async def ledger_bug(websocket: WebSocket, session: Annotated[Session, Depends(slow_session)]):
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


@app.websocket("/ledger-ok")
async def ledger_ok(websocket: WebSocket, session: Annotated[Session, Depends(quick_session)]):
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


# --- a token that is looked at too late


async def check_token(websocket: WebSocket, token: str | None = None):
    if token is None:
        await websocket.close(status.WS_1008_POLICY_VIOLATION)
    return token


@app.websocket("/token-bug")
async def token_bug(websocket: WebSocket, token: Annotated[str | None, Depends(check_token)]):
    await websocket.accept()  # <- WSD103 token
    async for _ in websocket.iter_text():
        pass


@app.websocket("/token-ok")
async def token_ok(websocket: WebSocket, token: Annotated[str | None, Depends(check_token)]):
    if token is None:
        return
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


# --- a manager of rooms: who leaves is told so, too


class Rooms:
    def __init__(self) -> None:
        self.members: dict[str, list[WebSocket]] = {}  # <- WSD305 rooms

    async def enter(self, room: str, websocket: WebSocket) -> None:
        await websocket.accept()
        self.members.setdefault(room, []).append(websocket)

    def leave(self, room: str, websocket: WebSocket) -> None:
        self.members[room].remove(websocket)

    async def tell(self, room: str, text: str) -> None:
        for member in self.members[room]:
            await member.send_text(text)  # <- WSD102 rooms


class CarefulRooms(Rooms):
    async def tell(self, room: str, text: str) -> None:
        for member in list(self.members[room]):
            with contextlib.suppress(WebSocketDisconnect, RuntimeError):
                await member.send_text(text)


rooms, careful_rooms = Rooms(), CarefulRooms()


@app.websocket("/rooms-bug/{room}")
async def rooms_bug(websocket: WebSocket, room: str):
    await rooms.enter(room, websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        await rooms.tell(room, "somebody has left")
        rooms.leave(room, websocket)


@app.websocket("/rooms-ok/{room}")
async def rooms_ok(websocket: WebSocket, room: str):
    await careful_rooms.enter(room, websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        careful_rooms.leave(room, websocket)
        await careful_rooms.tell(room, "somebody has left")


# --- long sums in threads, one after the other


def crunch(number: int) -> int:
    return sum(range(number))


@app.websocket("/crunch-bug")
async def crunch_bug(websocket: WebSocket):
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        for number in range(400):
            result = await run_in_threadpool(crunch, number)
            if number % 100 == 99:
                await websocket.send_json(result)
            await asyncio.sleep(0.1)  # <- WSD204 crunch


@app.websocket("/crunch-ok")
async def crunch_ok(websocket: WebSocket):
    async def work() -> None:
        for number in range(8):
            result = await run_in_threadpool(crunch, number)
            await websocket.send_json(result)
            await asyncio.sleep(0.1)

    await websocket.accept()
    working = asyncio.create_task(work())
    try:
        # RuntimeError: Starlette lets nobody read any more once a result was refused.
        with contextlib.suppress(RuntimeError):
            async for _ in websocket.iter_text():
                pass
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


# --- reads in the background, and hears of the end when it next looks


@app.websocket("/inbox-bug")
async def inbox_bug(websocket: WebSocket):
    inbox: asyncio.Queue[str] = asyncio.Queue()

    async def read() -> None:
        while True:
            inbox.put_nowait(await websocket.receive_text())

    await websocket.accept()
    reading = asyncio.create_task(read())
    while True:
        await inbox.get()  # <- WSD402 inbox
        if reading.done():
            break


@app.websocket("/inbox-ok")
async def inbox_ok(websocket: WebSocket):
    inbox: asyncio.Queue[str | None] = asyncio.Queue()

    async def read() -> None:
        async for text in websocket.iter_text():
            inbox.put_nowait(text)
        inbox.put_nowait(None)

    await websocket.accept()
    reading = asyncio.create_task(read())
    while await inbox.get() is not None:
        pass
    await reading
