"""FastAPI: a goodbye that is put off until the loop is free."""

import asyncio

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()

# --- whoever is left is counted later; the last one leaves nobody, and the mean is of nobody

members_bug: list[WebSocket] = []
members_ok: list[WebSocket] = []
loads: list[float] = []


def balance_bug() -> None:
    loads[:] = [100 / len(members_bug)]  # <- WSD207 balance


def balance_ok() -> None:
    loads[:] = [100 / len(members_ok)] if members_ok else []


@app.websocket("/balance-bug")
async def balance_bug_endpoint(websocket: WebSocket) -> None:
    await websocket.accept()
    members_bug.append(websocket)
    try:
        while await websocket.receive_text():
            pass
    except WebSocketDisconnect:
        members_bug.remove(websocket)
        asyncio.get_running_loop().call_soon(balance_bug)


@app.websocket("/balance-ok")
async def balance_ok_endpoint(websocket: WebSocket) -> None:
    await websocket.accept()
    members_ok.append(websocket)
    try:
        while await websocket.receive_text():
            pass
    except WebSocketDisconnect:
        members_ok.remove(websocket)
        asyncio.get_running_loop().call_soon(balance_ok)
