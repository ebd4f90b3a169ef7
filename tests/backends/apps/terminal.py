"""A terminal in the browser: a program behind a pseudo-terminal, and a bridge from there to the client."""

from __future__ import annotations

import asyncio
import os
import pty
import subprocess
import tty

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class Terminal:
    """``cat`` says everything again."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()  # <- here
        tty.setraw(
            slave
        )  # it shows nothing of what is typed: that would come with the answer, or before
        self.program = subprocess.Popen(["cat"], stdin=slave, stdout=slave, close_fds=True)
        os.close(slave)
        self.shown: asyncio.Queue[str] = asyncio.Queue()
        asyncio.get_running_loop().add_reader(self.master, self.read)

    def read(self) -> None:
        self.shown.put_nowait(os.read(self.master, 1000).decode())

    def end(self) -> None:
        asyncio.get_running_loop().remove_reader(self.master)
        self.program.kill()
        self.program.wait()


async def bridge(terminal: Terminal, socket: WebSocket) -> None:
    async def show() -> None:
        while True:
            await socket.send_text(await terminal.shown.get())

    showing = asyncio.create_task(show())
    try:
        while True:
            os.write(terminal.master, f"{await socket.receive_text()}\n".encode())
    except WebSocketDisconnect:
        pass
    finally:
        showing.cancel()
        await asyncio.wait([showing])


@app.websocket("/fixed")
async def fixed(socket: WebSocket) -> None:
    await socket.accept()
    terminal = Terminal()
    try:
        await bridge(terminal, socket)
    finally:
        terminal.end()
        os.close(terminal.master)


@app.websocket("/bug")
async def bug(socket: WebSocket) -> None:
    await socket.accept()
    terminal = Terminal()
    try:
        await bridge(terminal, socket)
    finally:
        terminal.end()
