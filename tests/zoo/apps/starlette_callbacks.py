"""Starlette: what is done when a task of the connection is done."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

log = logging.getLogger(__name__)


async def stream(websocket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, OSError):
        while True:
            await websocket.send_text("tick")
            await asyncio.sleep(1)


async def serve(websocket: WebSocket, done: Any) -> None:
    await websocket.accept()
    task = asyncio.create_task(stream(websocket))
    task.add_done_callback(done)
    with suppress(WebSocketDisconnect):
        while await websocket.receive_text():
            pass
    task.cancel()
    await asyncio.wait([task])


# --- the error of a task is logged; that of a cancelled one is raised instead


def report_bug(task: asyncio.Task[None]) -> None:
    if error := task.exception():  # <- WSD207 report
        log.error("the stream failed", exc_info=error)


def report_ok(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("the stream failed", exc_info=error)


async def report_bug_endpoint(websocket: WebSocket) -> None:
    await serve(websocket, report_bug)


async def report_ok_endpoint(websocket: WebSocket) -> None:
    await serve(websocket, report_ok)


app = Starlette(
    routes=[
        WebSocketRoute("/report-bug", report_bug_endpoint),
        WebSocketRoute("/report-ok", report_ok_endpoint),
    ]
)
