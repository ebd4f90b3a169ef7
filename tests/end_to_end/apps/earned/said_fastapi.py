"""Handlers whose defects only a message shows that the source spells out; below a middleware that reads along."""

import asyncio
from contextlib import suppress

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

jobs: set[asyncio.Task[None]] = set()


class ReadAlong:
    def __init__(self, app) -> None:
        self.app = app
        self.seen: dict[str, int] = {}

    async def __call__(self, scope, receive, send) -> None:
        async def read_along():
            message = await receive()
            if message["type"] in {"websocket.connect", "websocket.receive"}:
                self.seen[message["type"]] = len(message.get("text") or "")
            return message

        await self.app(scope, read_along, send)


app = FastAPI()
app.add_middleware(ReadAlong)


async def forever() -> None:
    await asyncio.sleep(1e9)


def start() -> asyncio.Task[None]:
    job = asyncio.create_task(forever())
    jobs.add(job)
    job.add_done_callback(jobs.discard)
    return job


async def read(websocket: WebSocket) -> dict[str, str]:
    data = await websocket.receive_json()
    return data


@app.websocket("/helper/bug")
async def helper_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            query = await read(websocket)
            if query["op"] == "watch":
                start()
            await websocket.send_json({"result": query["op"]})


@app.websocket("/helper/ok")
async def helper_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    job = None
    try:
        while True:
            query = await read(websocket)
            if query["op"] == "watch" and job is None:
                job = start()
            await websocket.send_json({"result": query["op"]})
    except WebSocketDisconnect:
        pass
    finally:
        if job is not None:
            job.cancel()


@app.websocket("/asked/bug")
async def asked_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            job = await websocket.receive_json()
            if "scene" not in job:
                await websocket.close(1008, "no scene")
                return
            start()
            await websocket.send_text("started")


@app.websocket("/asked/ok")
async def asked_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            job = await websocket.receive_json()
            if "scene" not in job:
                await websocket.close(1008, "no scene")
                return
            await websocket.send_text("started")


async def ask(websocket: WebSocket, answers: dict[str, asyncio.Future[str]]) -> None:
    answers["sure"] = asyncio.get_running_loop().create_future()
    with suppress(RuntimeError, WebSocketDisconnect):
        await websocket.send_text("sure")
    with suppress(ConnectionError):
        await answers["sure"]


async def listen(
    websocket: WebSocket, answers: dict[str, asyncio.Future[str]], asking: list[asyncio.Task[None]]
) -> None:
    with suppress(WebSocketDisconnect):
        while True:
            data = await websocket.receive_json()
            if "answer" in data:
                answer = answers.get(data["id"])
                if answer is not None and not answer.done():
                    answer.set_result(data["answer"])
            elif "install" in data:
                asking.append(asyncio.create_task(ask(websocket, answers)))


@app.websocket("/branches/bug")
async def branches_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    answers: dict[str, asyncio.Future[str]] = {}
    asking: list[asyncio.Task[None]] = []
    await listen(websocket, answers, asking)
    if asking:
        await asyncio.wait(asking)


@app.websocket("/branches/ok")
async def branches_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    answers: dict[str, asyncio.Future[str]] = {}
    asking: list[asyncio.Task[None]] = []
    await listen(websocket, answers, asking)
    for job in asking:
        job.cancel()
    if asking:
        await asyncio.wait(asking)


@app.websocket("/steps/bug")
async def steps_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        greeting = await websocket.receive_json()
        if greeting["type"] != "hello":
            await websocket.close(4001)
            return
        await websocket.send_text("welcome")
        async for data in websocket.iter_json():
            match data["op"]:
                case "rename":
                    await websocket.send_json({"name": data["name"]})
                case "start":
                    start()
                    await websocket.send_json({"started": data["op"]})


@app.websocket("/steps/ok")
async def steps_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        greeting = await websocket.receive_json()
        if greeting["type"] != "hello":
            await websocket.close(4001)
            return
        await websocket.send_text("welcome")
        async for data in websocket.iter_json():
            match data["op"]:
                case "rename":
                    await websocket.send_json({"name": data["name"]})
                case "start":
                    await asyncio.sleep(0.5)
                    await websocket.send_json({"started": data["op"]})


@app.websocket("/secret")
async def secret(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            query = await websocket.receive_json()
            if query["token"] != "abracadabra"[::-1]:
                await websocket.send_text("who are you?")
                await websocket.close(4003)
                return
            await websocket.send_text("welcome")


@app.websocket("/bye")
async def bye(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        query = await websocket.receive_json()
        await websocket.send_json({"query": query["name"]})
        for _ in range(5):
            await asyncio.sleep(0.5)
            await websocket.send_text("more")
        await websocket.close(4000, "that was all")
