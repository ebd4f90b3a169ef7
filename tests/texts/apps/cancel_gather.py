"""All tasks are cancelled, and then gathered as if they had gone well."""

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def follow(symbol: str, websocket: WebSocket) -> None:
    while True:
        await websocket.send_text(symbol)
        await asyncio.sleep(10)


@app.websocket("/quotes")
async def quotes(websocket: WebSocket) -> None:
    await websocket.accept()
    tasks = [asyncio.create_task(follow(name, websocket)) for name in ("ABC", "XYZ")]
    try:
        async for _ in websocket.iter_text():
            pass
    except WebSocketDisconnect:
        pass
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks)
