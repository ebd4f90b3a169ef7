"""The remedy of WSD406 for an ASGI application: the clean-up takes out its own entry."""

from typing import Any

active: dict[str, Any] = {}


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "websocket":
        return
    user = scope["query_string"].decode() or "ann"
    await receive()
    await send({"type": "websocket.accept"})
    active[user] = send
    try:
        while (await receive())["type"] != "websocket.disconnect":
            pass
    finally:
        if active.get(user) is send:
            del active[user]
