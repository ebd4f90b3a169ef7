"""Whoever comes third is told who was there, by a handler that goes on when nobody listens."""

came = []


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await (bug if scope["path"] == "/bug" else ok)(receive, send)


async def bug(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    came.append("client")
    del came[:-3]
    message = await receive()
    if message["type"] == "websocket.disconnect" and len(came) == 3:
        await send({"type": "websocket.send", "text": "goodbye"})  # <- WSD102


async def ok(receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    came.append("client")
    del came[:-3]
    message = await receive()
    if message["type"] != "websocket.disconnect" and len(came) == 3:
        await send({"type": "websocket.send", "text": "goodbye"})
