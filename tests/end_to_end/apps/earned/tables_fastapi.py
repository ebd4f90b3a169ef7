"""Handlers that look a function up by what the message says, or make an object of it; the join leaves its task."""

import asyncio
from contextlib import suppress
from typing import Annotated, Literal

import protocol
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from protocol import Op
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, field_validator

app = FastAPI()
jobs: set[asyncio.Task[None]] = set()


async def forever() -> None:
    await asyncio.sleep(1e9)


def start() -> asyncio.Task[None]:
    job = asyncio.create_task(forever())  # <- WSD301
    jobs.add(job)
    job.add_done_callback(jobs.discard)
    return job


async def join_bug(websocket: WebSocket, data: dict[str, str]) -> None:
    start()
    await websocket.send_json({"joined": data["room"]})


async def join_ok(websocket: WebSocket, data: dict[str, str]) -> None:
    await websocket.send_json({"joined": data["room"]})


async def say(websocket: WebSocket, data: dict[str, str]) -> None:
    await websocket.send_json({"said": data["text"]})


BUG = {Op.SAY: say, Op.JOIN: join_bug}
OK = {Op.SAY: say, Op.JOIN: join_ok}


@app.websocket("/table/bug")
async def table_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            data = await websocket.receive_json()
            await BUG[Op(data["op"])](websocket, data)


@app.websocket("/table/ok")
async def table_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            data = await websocket.receive_json()
            await OK[Op(data["op"])](websocket, data)


PRICES = {"tea": 3, "coffee": 4}


@app.websocket("/values")
async def values(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            data = await websocket.receive_json()
            await websocket.send_json(PRICES[data["item"]])


adapter: TypeAdapter[protocol.Message] = TypeAdapter(protocol.Message)


@app.websocket("/union/bug")
async def union_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            match adapter.validate_json(await websocket.receive_text()):
                case protocol.Say(text=text):
                    await websocket.send_text(text)
                case protocol.Join(room=room):
                    start()
                    await websocket.send_text(str(room))


@app.websocket("/union/ok")
async def union_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    job = None
    try:
        while True:
            match adapter.validate_json(await websocket.receive_text()):
                case protocol.Say(text=text):
                    await websocket.send_text(text)
                case protocol.Join(room=room):
                    job = job or start()
                    await websocket.send_text(str(room))
    except WebSocketDisconnect:
        pass
    finally:
        if job is not None:
            job.cancel()


class Riddle(BaseModel):
    kind: Literal["riddle"]
    answer: Annotated[str, Field(min_length=3)]

    @field_validator("answer")
    @classmethod
    def is_right(cls, value: str) -> str:
        if value != "".join(["time"]):
            message = "that is not it"
            raise ValueError(message)
        return value


@app.websocket("/riddle")
async def riddle(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            message = Riddle.model_validate_json(await websocket.receive_text())
            await websocket.send_text(message.answer)


@app.websocket("/riddle/told")
async def riddle_told(websocket: WebSocket) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            try:
                message = Riddle.model_validate_json(await websocket.receive_text())
            except ValidationError as error:
                await websocket.send_text(f"{error.error_count()} errors")
                continue
            await websocket.send_text(message.answer)
