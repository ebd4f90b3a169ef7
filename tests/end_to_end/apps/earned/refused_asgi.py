"""Handshakes that an ASGI application refuses, and what they leave behind."""

waiting = set()


async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    if scope["path"] == "/left":
        waiting.add(receive)
        await send({"type": "websocket.close"})
    else:
        waiting.add(receive)
        await send({"type": "websocket.close"})
        waiting.discard(receive)
