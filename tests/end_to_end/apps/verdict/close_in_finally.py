"""A close in `finally` after a send that was refused; a server's own bug must not hide it."""

import asyncio

from litestar import Litestar, WebSocket, websocket


@websocket("/bug")
async def job_progress(socket: WebSocket) -> None:
    await socket.accept()
    try:
        for percent in range(5):
            await asyncio.sleep(0.3)
            await socket.send_json({"percent": percent})
    except Exception:
        pass
    finally:
        await socket.close()  # <- WSD103 warning


@websocket("/ok")
async def job_progress_ok(socket: WebSocket) -> None:
    await socket.accept()
    try:
        for percent in range(5):
            await asyncio.sleep(0.3)
            await socket.send_json({"percent": percent})
        await socket.close()
    except OSError:
        pass


app = Litestar([job_progress, job_progress_ok])
