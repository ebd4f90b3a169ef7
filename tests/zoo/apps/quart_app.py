"""Quart: the handler is cancelled when its client has left, and reads from a queue."""

import asyncio
import contextlib

from quart import Quart, websocket

app = Quart(__name__)


# --- a heartbeat that nobody ends


async def heartbeat(connection) -> None:
    while True:
        await asyncio.sleep(20)
        await connection.send("ping")


@app.websocket("/heartbeat-bug")
async def heartbeat_bug():
    asyncio.create_task(heartbeat(websocket._get_current_object()))  # <- WSD301 heartbeat
    while True:
        await websocket.send(f"you said {await websocket.receive()}")


@app.websocket("/heartbeat-ok")
async def heartbeat_ok():
    beating = asyncio.create_task(heartbeat(websocket._get_current_object()))
    try:
        while True:
            await websocket.send(f"you said {await websocket.receive()}")
    finally:
        beating.cancel()


# --- two halves: `wait` does not hand on the cancellation, `gather` does


async def news() -> None:
    for number in range(1_000_000):
        await websocket.send(f"item {number}")
        await asyncio.sleep(3)


async def commands() -> None:
    while True:
        await websocket.receive()


@app.websocket("/halves-bug")
async def halves_bug():
    sending = asyncio.create_task(news())  # <- WSD301 halves
    receiving = asyncio.ensure_future(commands())  # <- WSD303 halves
    await asyncio.wait([sending, receiving], return_when=asyncio.FIRST_COMPLETED)


@app.websocket("/halves-ok")
async def halves_ok():
    sending = asyncio.create_task(news())
    receiving = asyncio.ensure_future(commands())
    try:
        await asyncio.gather(sending, receiving)
    finally:
        sending.cancel()
        receiving.cancel()


# --- says goodbye to a client that has left


@app.websocket("/goodbye-bug")
async def goodbye_bug():
    await websocket.send("welcome")
    try:
        while True:
            await websocket.receive()
    finally:
        await websocket.close(1000)  # <- WSD101 goodbye


@app.websocket("/goodbye-ok")
async def goodbye_ok():
    await websocket.send("welcome")
    while await websocket.receive() != "quit":
        pass
    await websocket.close(1000)


# --- a loop that takes the end for one of its errors


@app.websocket("/stubborn-bug")
async def stubborn_bug():
    await websocket.accept()
    while True:
        try:
            text = await websocket.receive()
            await websocket.send(text.upper())
        except BaseException:  # <- WSD502 stubborn
            await asyncio.sleep(0.1)


@app.websocket("/stubborn-ok")
async def stubborn_ok():
    await websocket.accept()
    while True:
        try:
            text = await websocket.receive()
            await websocket.send(text.upper())
        except UnicodeError:
            await asyncio.sleep(0.1)


# --- writes down what was said, at leisure, before it lets go


async def store(lines: list[str], seconds: float) -> None:
    await asyncio.sleep(seconds)  # <- WSD401 minutes
    lines.clear()


@app.websocket("/minutes-bug")
async def minutes_bug():
    lines: list[str] = []
    await websocket.accept()
    try:
        while True:
            lines.append(await websocket.receive())
    finally:
        await store(lines, 4)


@app.websocket("/minutes-ok")
async def minutes_ok():
    lines: list[str] = []
    await websocket.accept()
    try:
        while True:
            lines.append(await websocket.receive())
    finally:
        await store(lines, 0.02)


# --- a quiz: the generator that asks the questions holds a seat


seats: set[str] = set()


async def questions(seat: str):
    seats.add(seat)
    try:
        for number in range(1, 1000):
            yield f"what is {number} times {number}?"
    finally:
        seats.discard(seat)


@app.websocket("/quiz-bug")
async def quiz_bug():
    async for question in questions("bug"):  # <- WSD304 quiz
        await websocket.send(question)
        await websocket.receive()


@app.websocket("/quiz-ok")
async def quiz_ok():
    async with contextlib.aclosing(questions("ok")) as asked:
        async for question in asked:
            await websocket.send(question)
            await websocket.receive()


# --- two answers to a stranger


@app.websocket("/stranger-bug")
async def stranger_bug():
    if "Authorization" not in websocket.headers:
        await websocket.close(4401)
    await websocket.send("come in")  # <- WSD103 stranger


@app.websocket("/stranger-ok")
async def stranger_ok():
    if "Authorization" not in websocket.headers:
        await websocket.close(4401)
        return
    await websocket.send("come in")
