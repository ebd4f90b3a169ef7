"""python-socketio (and python-engineio beneath it): an AsyncServer in an ASGIApp."""

import json

import socketio

sio = socketio.AsyncServer(async_mode="asgi")
app = socketio.ASGIApp(sio)


@sio.event
async def connect(sid, environ, auth):
    await sio.emit("welcome", {"sid": sid}, to=sid)


@sio.on("chat message")
async def chat_message(sid, data):
    await sio.emit("chat message", data)


@sio.event
async def disconnect(sid, reason):
    await sio.emit("left", {"sid": sid})


async def direct(http, ws):
    """WebSocket from the start (Engine.IO protocol, "WebSocket", without an upgrade)."""
    await ws.connect("/socket.io/?EIO=4&transport=websocket")
    opened = await ws.recv()
    assert opened[0] == "0", opened
    await ws.send("40")
    while not (await ws.recv()).startswith("40"):
        pass
    await ws.send('42["chat message","hello"]')


async def upgrade(http, ws):
    """Long polling first, then the upgrade (Engine.IO protocol, "Upgrade")."""
    opened = await http.get("/socket.io/?EIO=4&transport=polling")
    sid = json.loads(opened.text[1:])["sid"]
    await http.post(f"/socket.io/?EIO=4&transport=polling&sid={sid}", content="40")
    await http.get(f"/socket.io/?EIO=4&transport=polling&sid={sid}")
    await ws.connect(f"/socket.io/?EIO=4&transport=websocket&sid={sid}")
    await ws.send("2probe")
    assert await ws.recv() == "3probe"
    await ws.send("5")
    await ws.send('42["chat message","hello"]')
