# What pydantic says is the reason: longer than the 123 bytes that it may have.
# Shown by: wsdoctor check TARGET --send pears

from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from pydantic import BaseModel, ValidationError

app = FastAPI()


class Order(BaseModel):
    item: str


@app.websocket("/orders")
async def take_orders(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            try:
                order = Order.model_validate_json(text)
            except ValidationError as error:
                reason = str(error)
                await websocket.close(1003, reason)  # <- here
                return
            await websocket.send_text(f"{order.item} ordered")
    except WebSocketDisconnect:
        pass
