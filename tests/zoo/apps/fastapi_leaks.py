"""FastAPI: what a dependency does not give back, and what does not let itself be ended."""
# ruff: noqa: FAST002, B008

import asyncio
from collections.abc import AsyncGenerator

from fastapi import Depends, FastAPI, WebSocketException
from starlette.websockets import WebSocket

app = FastAPI(openapi_url=None)

# --- a dependency whose handler turns its client away

tables: set[str] = set()


async def table_bug() -> AsyncGenerator[str, None]:
    tables.add("bug")
    yield "bug"  # <- WSD205 table
    tables.discard("bug")


@app.websocket("/table-bug")
async def table_bug_handler(websocket: WebSocket, table: str = Depends(table_bug)) -> None:
    await websocket.accept()
    try:
        async with asyncio.timeout(3):
            async for _ in websocket.iter_text():
                pass
    except TimeoutError:
        raise WebSocketException(code=1008, reason=f"too slow for table {table}") from None


async def table_ok() -> AsyncGenerator[str, None]:
    tables.add("ok")
    try:
        yield "ok"
    finally:
        tables.discard("ok")


@app.websocket("/table-ok")
async def table_ok_handler(websocket: WebSocket, table: str = Depends(table_ok)) -> None:
    await websocket.accept()
    try:
        async with asyncio.timeout(3):
            async for _ in websocket.iter_text():
                pass
    except TimeoutError:
        raise WebSocketException(code=1008, reason=f"too slow for table {table}") from None


# --- a task whose time-outs are its own, and the cancellation is not

rates: dict[str, float] = {}


async def poll_bug() -> None:
    while True:
        try:
            async with asyncio.timeout(0.3):
                await asyncio.Event().wait()
        except (TimeoutError, asyncio.CancelledError):  # <- WSD502 poll
            rates.clear()


@app.websocket("/poll-bug")
async def poll_bug_handler(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(poll_bug())
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=0.2)


async def poll_ok() -> None:
    while True:
        try:
            async with asyncio.timeout(0.3):
                await asyncio.Event().wait()
        except TimeoutError:
            rates.clear()


@app.websocket("/poll-ok")
async def poll_ok_handler(websocket: WebSocket) -> None:
    await websocket.accept()
    task = asyncio.create_task(poll_ok())
    try:
        async for _ in websocket.iter_text():
            pass
    finally:
        task.cancel()
        await asyncio.wait([task], timeout=0.2)
