"""FastAPI endpoints that tell their client at length why they close."""

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect, WebSocketException
from pydantic import BaseModel, ValidationError

app = FastAPI(openapi_url=None)

# --- the whole of pydantic's complaint is the reason


class Order(BaseModel):
    item: str
    number: int


@app.websocket("/order-bug")
async def order_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        order = await websocket.receive_text()
        for step in ("read", "looked up"):
            await websocket.send_text(step)
            await asyncio.sleep(0.1)
        try:
            Order.model_validate_json(order)
        except ValidationError as error:
            await websocket.close(1007, str(error))  # <- WSD107 order
        else:
            await websocket.close()
    except WebSocketDisconnect:
        pass


@app.websocket("/order-ok")
async def order_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        order = await websocket.receive_text()
        for step in ("read", "looked up"):
            await websocket.send_text(step)
            await asyncio.sleep(0.1)
        try:
            Order.model_validate_json(order)
        except ValidationError as error:
            await websocket.close(1007, str(error)[:123])
        else:
            await websocket.close()
    except WebSocketDisconnect:
        pass


# --- the framework closes with the code of an exception


@app.websocket("/quota-bug")
async def quota_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        for used in range(4):
            await websocket.send_text(f"{used} of 3")
            await asyncio.sleep(0.1)
    except WebSocketDisconnect:
        return
    raise WebSocketException(code=1015, reason="quota exceeded")  # <- WSD107 quota


@app.websocket("/quota-ok")
async def quota_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        for used in range(4):
            await websocket.send_text(f"{used} of 3")
            await asyncio.sleep(0.1)
    except WebSocketDisconnect:
        return
    try:
        await websocket.close(code=1013, reason="quota exceeded")
    except WebSocketDisconnect:
        pass
