"""Starlette: what is shared by all and taken by one, and whether it is given back when that one leaves."""

import asyncio
from contextlib import suppress

from starlette.applications import Starlette
from starlette.endpoints import WebSocketEndpoint
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

# --- whose turn it is; the twin waits for it in a task of wait_for's, and gives it back in any case

turn_bug, turn_ok = asyncio.Lock(), asyncio.Lock()


async def turns_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await asyncio.wait_for(turn_bug.acquire(), 60)  # <- WSD307 turns
            await websocket.send_text("your turn")
            move = await websocket.receive_text()
            turn_bug.release()
            await websocket.send_text(f"you played {move}")
    except (WebSocketDisconnect, TimeoutError):
        pass


async def turns_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await asyncio.wait_for(turn_ok.acquire(), 60)
            try:
                await websocket.send_text("your turn")
                move = await websocket.receive_text()
            finally:
                turn_ok.release()
            await websocket.send_text(f"you played {move}")
    except (WebSocketDisconnect, TimeoutError):
        pass


# --- one seat for as long as the client is there; the twin's is given back by whoever sees the task end

seat_bug, seat_ok = asyncio.Semaphore(1), asyncio.Semaphore(1)


async def seats_bug(websocket: WebSocket) -> None:
    if seat_bug.locked():
        await websocket.close(1013)
        return
    await seat_bug.acquire()  # <- WSD307 seats
    await websocket.accept()
    while True:
        try:
            text = await websocket.receive_text()
        except WebSocketDisconnect:
            return
        if text == "stand up":
            break
        await websocket.send_text("seated")
    seat_bug.release()


async def seats_ok(websocket: WebSocket) -> None:
    if seat_ok.locked():
        await websocket.close(1013)
        return
    await seat_ok.acquire()
    sitting = asyncio.current_task()
    assert sitting is not None
    sitting.add_done_callback(lambda _: seat_ok.release())
    await websocket.accept()
    with suppress(WebSocketDisconnect):
        while await websocket.receive_text() != "stand up":
            await websocket.send_text("seated")


# --- a class whose hooks take and give back; the twin's lock is the connection's own and goes with it

slots_bug = asyncio.BoundedSemaphore(5)


class SlotsBug(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        await slots_bug.acquire()  # <- WSD307 slots
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        if data == "done":
            slots_bug.release()
            await websocket.close()


class SlotsOk(WebSocketEndpoint):
    encoding = "text"

    async def on_connect(self, websocket: WebSocket) -> None:
        self.slots = asyncio.BoundedSemaphore(5)
        await self.slots.acquire()
        await websocket.accept()

    async def on_receive(self, websocket: WebSocket, data: str) -> None:
        if data == "done":
            self.slots.release()
            await websocket.close()


# --- a condition that is waited for by hand; the twin counts with a semaphore what others bring

changed_bug = asyncio.Condition()
brought_ok = asyncio.Semaphore(0)
bringing: set[asyncio.Task[None]] = set()


async def news_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    await changed_bug.acquire()  # <- WSD307 news
    reading = asyncio.ensure_future(websocket.receive_text())
    reading.add_done_callback(lambda done: done.exception())
    with suppress(TimeoutError, WebSocketDisconnect):
        while not reading.done():
            await websocket.send_text("news")
            await asyncio.wait([reading], timeout=0.5)
        await reading
        changed_bug.release()


async def bring() -> None:
    while True:
        await asyncio.sleep(0.2)
        brought_ok.release()


async def news_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    if not bringing:
        bringing.add(asyncio.create_task(bring()))
    reading = asyncio.ensure_future(websocket.receive_text())
    reading.add_done_callback(lambda done: done.exception())
    with suppress(WebSocketDisconnect):
        while True:
            await brought_ok.acquire()
            if reading.done():
                break
            await websocket.send_text("news")
        await reading


app = Starlette(
    routes=[
        WebSocketRoute("/turns-bug", turns_bug),
        WebSocketRoute("/turns-ok", turns_ok),
        WebSocketRoute("/seats-bug", seats_bug),
        WebSocketRoute("/seats-ok", seats_ok),
        WebSocketRoute("/slots-bug", SlotsBug),
        WebSocketRoute("/slots-ok", SlotsOk),
        WebSocketRoute("/news-bug", news_bug),
        WebSocketRoute("/news-ok", news_ok),
    ]
)
