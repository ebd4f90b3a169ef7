"""nicegui: a page with a clock, on an application of one's own (``ui.run_with``)."""

import json
import re
from datetime import datetime

from fastapi import FastAPI
from nicegui import ui

app = FastAPI()


@ui.page("/")
def clock():
    label = ui.label()
    ui.timer(1.0, lambda: label.set_text(f"{datetime.now():%X}"))


ui.run_with(app)


async def browse(http, ws):
    """Fetch the page, then open its Socket.IO connection and say which page it belongs to."""
    page = await http.get("/")
    client_id = re.search(r"[\"']?client_id[\"']?:\s*[\"']([0-9a-f-]{36})", page.text)[1]
    await ws.connect("/_nicegui_ws/socket.io/?EIO=4&transport=websocket")
    assert (await ws.recv())[0] == "0"
    await ws.send("40")
    while not (await ws.recv()).startswith("40"):
        pass
    who = {"client_id": client_id, "tab_id": "1", "document_id": "1", "next_message_id": 0}
    await ws.send(f'420["handshake",{json.dumps(who)}]')
    while not (await ws.recv()).startswith("430"):
        pass
