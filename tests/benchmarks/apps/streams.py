"""One handler in several forms: at another pace, with larger messages, and with a defect."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect


def streaming(every: float, text: str = "tick", *, cancels: bool = True) -> Litestar:
    """An application that sends ``text`` each ``every`` seconds, until the client leaves."""

    @websocket("/ws")
    async def stream(socket: WebSocket[Any, Any, Any]) -> None:
        await socket.accept()

        async def sender() -> None:
            with contextlib.suppress(OSError, WebSocketDisconnect):
                while True:
                    await asyncio.sleep(every)
                    await socket.send_text(text)

        task = asyncio.create_task(sender())
        try:
            while True:
                await socket.receive_text()
        except WebSocketDisconnect:
            pass
        finally:
            if cancels:
                task.cancel()
                await asyncio.wait([task])
            else:
                asyncio.create_task(asyncio.sleep(3600))

    return Litestar([stream])


slow = streaming(2.0)
fast = streaming(0.02)
large = streaming(0.02, "x" * 400_000)
defective = streaming(2.0, cancels=False)
