"""pycrdt-websocket: a room of a shared document, in the ASGIServer of its documentation."""

from contextlib import asynccontextmanager

from pycrdt import Doc, YMessageType, YSyncMessageType, create_sync_message, handle_sync_message
from pycrdt.websocket import ASGIServer, WebsocketServer
from starlette.applications import Starlette
from starlette.routing import Mount

server = WebsocketServer()


@asynccontextmanager
async def lifespan(app):
    async with server:
        yield


app = Starlette(routes=[Mount("/", ASGIServer(server))], lifespan=lifespan)


async def synchronize(http, ws):
    """What a provider does first: both sides say what they have (Yjs sync protocol, steps 1 and 2)."""
    doc = Doc()
    await ws.connect("/my-room")
    await ws.send(create_sync_message(doc))
    for _ in range(2):
        message = await ws.recv()
        assert message[0] == YMessageType.SYNC
        if message[1] == YSyncMessageType.SYNC_STEP1:
            await ws.send(handle_sync_message(message[1:], doc))
