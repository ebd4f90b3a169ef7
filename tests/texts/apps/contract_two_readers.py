"""One task of an anyio group waits for the end, the other one for messages: both read."""

import anyio
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


@app.websocket("/jobs")
async def jobs(websocket: WebSocket) -> None:
    async def watch(scope: anyio.CancelScope) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                scope.cancel()
                return

    async def work() -> None:
        try:
            while True:
                await websocket.send_text(f"done: {await websocket.receive_text()}")
        except WebSocketDisconnect:
            pass

    await websocket.accept()
    async with anyio.create_task_group() as group:
        group.start_soon(watch, group.cancel_scope)
        await work()
