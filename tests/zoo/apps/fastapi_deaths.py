"""FastAPI: an application for one client, which stops with it."""

import os
import signal

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()

# --- the last window is closed, and the server is killed; the twin only notes it for whoever supervises it

windows_bug: set[WebSocket] = set()
windows_ok: set[WebSocket] = set()
app.state.idle = True


def stop() -> None:
    os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))  # <- WSD407 windows


@app.websocket("/windows-bug")
async def windows_bug_endpoint(websocket: WebSocket) -> None:
    await websocket.accept()
    windows_bug.add(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        windows_bug.discard(websocket)
        if not windows_bug:
            stop()


@app.websocket("/windows-ok")
async def windows_ok_endpoint(websocket: WebSocket) -> None:
    await websocket.accept()
    windows_ok.add(websocket)
    app.state.idle = False
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        windows_ok.discard(websocket)
        app.state.idle = not windows_ok
