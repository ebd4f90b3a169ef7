"""A generator of another module holds a cursor; the loop over it is left when the client leaves."""

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

from helpers.storage import rows

app = FastAPI()


@app.websocket("/export")
async def export(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        async for row in rows():
            await websocket.send_json(row)
            if await websocket.receive_text() != "next":
                break
    except WebSocketDisconnect:
        pass
