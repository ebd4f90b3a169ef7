"""Quart logs an error for each client that leaves while its answer is on the way."""

from quart import Quart, websocket

app = Quart(__name__)


@app.websocket("/bug")
async def echo() -> None:
    while True:
        await websocket.send(await websocket.receive())  # <- WSD201 error


@app.websocket("/ok")
async def echo_ok() -> None:
    try:
        while True:
            await websocket.send(await websocket.receive())
    except OSError:
        pass
