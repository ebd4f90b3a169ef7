"""A handler that is silent until a message comes, and its twin that speaks by itself."""


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await (silent if scope["path"] == "/silent" else speaks)(receive, send)


async def silent(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        message = await receive()  # <- waits
        if message["type"] == "websocket.disconnect":
            return
        await send({"type": "websocket.send", "text": "hello"})  # <- not reached


async def speaks(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.send", "text": "hello"})
    await send({"type": "websocket.close"})
