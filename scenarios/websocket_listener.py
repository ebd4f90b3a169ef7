"""The high-level form for receiving: a function under `@websocket_listener`.

Without a `connection_lifespan` of one's own, Litestar's default one accepts the connection and
catches the WebSocketDisconnect. The trouble of `naive` begins where a lifespan replaces that
default, for then both are its own job.
"""

from litestar import Litestar, websocket_listener

SHOWS = ()


@websocket_listener("/ws")
async def echo(data: str) -> str:
    """Send every message back."""
    return data


app = Litestar([echo])
