"""A child process for each client, which answers line by line."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import PIPE

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


async def talk(socket: WebSocket, child: asyncio.subprocess.Process) -> None:
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        while True:
            child.stdin.write((await socket.receive_text()).encode() + b"\n")
            async with asyncio.timeout(20):
                await socket.send_text((await child.stdout.readline()).decode())
    except WebSocketDisconnect:
        pass


@app.websocket("/fixed")
async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    child = await asyncio.create_subprocess_exec(
        "sh", "-c", "while read line; do sleep 0.1; echo got $line; done", stdin=PIPE, stdout=PIPE
    )
    try:
        await talk(socket, child)
    finally:
        child.kill()
        await child.wait()


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    child = await asyncio.create_subprocess_exec("cat", stdin=PIPE, stdout=PIPE)  # <- here
    await talk(socket, child)
