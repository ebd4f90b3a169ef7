"""A handler that takes a JSON object with a type and a number, and one that nobody understands."""

import json


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await (riddle if scope["path"] == "/riddle" else add)(receive, send)


async def add(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        data = json.loads(message["text"])
        if data["type"] == "add":
            await send({"type": "websocket.send", "text": str(data["number"] + 1)})


async def riddle(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        raise KeyError(message["text"])
