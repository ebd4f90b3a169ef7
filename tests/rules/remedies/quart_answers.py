"""What a handler of Quart answers: a refusal, a good-bye, an error of the client's."""

from quart import Quart, abort, websocket

app = Quart(__name__)


@app.websocket("/")
async def echo() -> None:
    try:
        while True:
            await websocket.send(await websocket.receive())
    except OSError:
        pass


@app.websocket("/numbers")
async def numbers() -> None:
    try:
        token = websocket.args.get("token", "demo")
        if token != "demo":
            abort(403)
        await websocket.accept()
        await answer()
    except OSError:
        pass


async def answer() -> None:
    total = 0
    while True:
        try:
            text = await websocket.receive()
            if text == "bye":
                await websocket.send("see you")
                await websocket.close(1000)
                return
            if text == "stop":
                await websocket.close(1000)
                return
            if not text:
                raise ValueError
        except (KeyError, ValueError):
            continue
        if not text.isdecimal():
            await websocket.send("that is not a number")
            continue
        total += int(text)
