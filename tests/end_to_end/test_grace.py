"""A task that is due when the grace time ends has had its time: it is not the one that was left."""

from __future__ import annotations

import json

TICKER = """
import asyncio
from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute

class Ticker(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket):
        await websocket.accept()
        self.ticker = asyncio.create_task(self.tick(websocket))  # 12

    async def tick(self, websocket):
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(0.5)  # as long as the grace time

    async def on_disconnect(self, websocket, close_code):
        if close_code == 1000:
            self.ticker.cancel()

app = Starlette(routes=[WebSocketRoute("/ws", Ticker)])
"""


def test_a_pause_as_long_as_the_grace_time_makes_no_case_another_finding(wsdoctor, tmp_path):
    (tmp_path / "target.py").write_text(TICKER)
    code, out, _ = wsdoctor(
        *("check", "target.py:app", "--ws", "websockets", "--disconnect", "abort"),
        # At the first the task is due at the very end of the grace time.
        *("--at", "send#1+2", "--at", "after:1", "--format", "json"),
    )
    report = json.loads(out)
    (finding,) = report["findings"]
    assert code == 1
    assert report["verdict"] == "defective"
    assert (finding["code"], finding["severity"]) == ("WSD302", "error")
    assert finding["location"]["line"] == 12
    assert finding["moments"]["failing"] == 2
    assert "WSD301" not in finding["symptoms"]
