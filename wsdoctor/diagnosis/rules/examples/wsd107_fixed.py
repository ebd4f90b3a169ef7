# The reason is cut to the 123 bytes that a close frame has room for.

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
                short = reason.encode(errors="replace")[:123].decode(errors="ignore")
                await websocket.close(1003, short)
                return
            await websocket.send_text(f"{order.item} ordered")
    except WebSocketDisconnect:
        pass
