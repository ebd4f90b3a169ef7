# The handler cancels its task and gives it a moment to end. But the CancelledError
# is taken for a bad answer of the bank, and the task asks again.

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
rates: dict[str, float] = {}


async def ask_bank() -> float:
    await asyncio.sleep(0.2)
    return 1.08


async def poll(currency: str) -> None:
    while True:
        try:
            rates[currency] = await ask_bank()
        except (OSError, asyncio.CancelledError):  # <- here
            rates.pop(currency, None)


@app.websocket("/rates")
async def handler(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(poll("EUR"))
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=0.1)
