"""FastAPI: a worker that is given little time to end, and a number that some ways out lead past."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def flush(text: str) -> None:
    await asyncio.sleep(0.2, text)


# --- a recording that is stopped with a time-out; the twin's closes its file before it writes the rest

recording_bug: dict[int, str] = {}
recording_ok: dict[int, str] = {}


async def record_bug(number: int) -> None:
    recording_bug[number] = "open"
    try:
        await asyncio.Event().wait()
    finally:
        await flush("the rest")  # <- WSD206 recorder
        del recording_bug[number]


async def record_ok(number: int) -> None:
    recording_ok[number] = "open"
    try:
        await asyncio.Event().wait()
    finally:
        del recording_ok[number]
        await flush("the rest")


async def serve(websocket: WebSocket, recorder: asyncio.Task[None]) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()
    recorder.cancel()
    await asyncio.wait([recorder], timeout=0.1)
    recorder.cancel()
    await asyncio.wait([recorder])


@app.websocket("/recorder-bug")
async def recorder_bug(websocket: WebSocket) -> None:
    await serve(websocket, asyncio.create_task(record_bug(len(recording_bug))))


@app.websocket("/recorder-ok")
async def recorder_ok(websocket: WebSocket) -> None:
    await serve(websocket, asyncio.create_task(record_ok(len(recording_ok))))


# --- how many watch, in the state of the application; a refused send leads past the line behind the loop

app.state.watching_bug = 0
app.state.watching_ok = 0


async def quotes(websocket: WebSocket) -> None:
    reading = asyncio.create_task(websocket.receive_text())
    try:
        while not reading.done():
            await websocket.send_text("42")
            await asyncio.wait([reading], timeout=1)
        reading.result()
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@app.websocket("/watching-bug")
async def watching_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    app.state.watching_bug += 1  # <- WSD305 watching
    try:
        await quotes(websocket)
        app.state.watching_bug -= 1
    except (WebSocketDisconnect, OSError):
        pass


@app.websocket("/watching-ok")
async def watching_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    app.state.watching_ok += 1
    try:
        await quotes(websocket)
    except (WebSocketDisconnect, OSError):
        pass
    finally:
        app.state.watching_ok -= 1
