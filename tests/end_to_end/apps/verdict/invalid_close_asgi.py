"""The code to close with is a text, as a setting from the environment is."""

from contextlib import suppress


async def numbers(code, receive, send):
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] != "websocket.disconnect":
        if not message["text"].isdigit():
            await send({"type": "websocket.close", "code": code})  # <- WSD107 error
            return


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        with suppress(OSError):
            await numbers("4422" if scope["path"] == "/bug" else 4422, receive, send)
