"""The application whose logs these are: copied to /app/src/shop.py, so that they hold a path of production."""

import asyncio
import contextlib

from starlette.websockets import WebSocket


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send(item(scope["path"]))
    elif scope["type"] == "websocket":
        await {"/prices": prices, "/group": group}[scope["path"]](WebSocket(scope, receive, send))


async def prices(socket):
    await socket.accept()
    task = asyncio.create_task(stream(socket))
    try:
        await listen(socket)
    finally:
        task.add_done_callback(landed)
        await socket.close()


async def group(socket):
    await socket.accept()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listen(socket))
        tasks.create_task(stream(socket))


async def listen(socket):
    while True:
        await socket.receive_text()


async def stream(socket):
    while True:
        await socket.send_text("EURUSD 1.0842")
        await asyncio.sleep(0.05)


def landed(task):
    with contextlib.suppress(asyncio.CancelledError):
        print(task.result())


def item(path):
    return {"/items/1": "one"}[path]
