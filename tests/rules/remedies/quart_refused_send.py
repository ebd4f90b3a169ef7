"""The remedy of WSD201 for a refused send, in an application of a framework that logs what it catches."""

from quart import Quart, websocket

app = Quart(__name__)


@app.websocket("/")
async def echo() -> None:
    try:
        while True:
            await websocket.send(await websocket.receive())
    except OSError:
        pass
