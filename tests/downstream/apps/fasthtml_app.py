"""python-fasthtml: the WebSocket of its documentation, with what runs on connect and on disconnect."""

import asyncio

from fasthtml.common import Div, FastHTML

app = FastHTML(exts="ws", secret_key="not one", live=False)
users = {}


def on_connect(ws, send):
    users[str(id(ws))] = send


def on_disconnect(ws):
    users.pop(str(id(ws)), None)


@app.ws("/ws", conn=on_connect, disconn=on_disconnect)
async def ws(msg: str, send):
    await send(Div("Hello " + msg, id="notifications"))
    await asyncio.sleep(2)
    return Div("Goodbye " + msg, id="notifications")
