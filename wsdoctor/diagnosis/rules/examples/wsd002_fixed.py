# The code stays as it is. Bring the token: wsdoctor check TARGET --query token=demo

from contextlib import suppress
from typing import Annotated

from fastapi import Depends, FastAPI, Query, WebSocket, WebSocketDisconnect, WebSocketException

app = FastAPI()


async def user(token: Annotated[str, Query()] = "") -> str:
    if token != "demo":
        raise WebSocketException(1008, "the query has no valid token")
    return "ada"


@app.websocket("/chat")
async def chat(websocket: WebSocket, name: Annotated[str, Depends(user)]) -> None:
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while True:
            await websocket.send_text(f"{name}: {await websocket.receive_text()}")
