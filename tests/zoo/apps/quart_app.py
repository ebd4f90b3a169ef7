"""Quart: the handler is cancelled when its client has left, and reads from a queue."""

import itertools
import asyncio
import contextlib
import functools

from quart import Quart, websocket

app = Quart(__name__)


def lets_clients_go(handler):
    """A send that a server refuses raises an OSError, which Quart would log as an error."""

    @functools.wraps(handler)
    async def quietly():
        with contextlib.suppress(OSError):
            await handler()

    return quietly


# --- a heartbeat that nobody ends


async def heartbeat(connection) -> None:
    while True:
        await asyncio.sleep(20)
        await connection.send("ping")


@app.websocket("/heartbeat-bug")
@lets_clients_go
async def heartbeat_bug():
    asyncio.create_task(heartbeat(websocket._get_current_object()))  # <- WSD301 heartbeat
    while True:
        await websocket.send(f"you said {await websocket.receive()}")


@app.websocket("/heartbeat-ok")
@lets_clients_go
async def heartbeat_ok():
    beating = asyncio.create_task(heartbeat(websocket._get_current_object()))
    try:
        while True:
            await websocket.send(f"you said {await websocket.receive()}")
    finally:
        beating.cancel()


# --- two halves: `wait` does not hand on the cancellation, `gather` does


@lets_clients_go
async def news() -> None:
    for number in range(1_000_000):
        await websocket.send(f"item {number}")
        await asyncio.sleep(3)


async def commands() -> None:
    while True:
        await websocket.receive()


@app.websocket("/halves-bug")
@lets_clients_go
async def halves_bug():
    sending = asyncio.create_task(news())  # <- WSD301 halves
    receiving = asyncio.ensure_future(commands())  # <- WSD303 halves
    await asyncio.wait([sending, receiving], return_when=asyncio.FIRST_COMPLETED)


@app.websocket("/halves-ok")
@lets_clients_go
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
@lets_clients_go
async def goodbye_bug():
    await websocket.send("welcome")
    try:
        while True:
            await websocket.receive()
    finally:
        await websocket.close(1000)  # <- WSD101 goodbye


@app.websocket("/goodbye-ok")
@lets_clients_go
async def goodbye_ok():
    await websocket.send("welcome")
    while await websocket.receive() != "quit":
        pass
    await websocket.close(1000)


# --- a loop that takes the end for one of its errors


@app.websocket("/stubborn-bug")
@lets_clients_go
async def stubborn_bug():
    await websocket.accept()
    while True:
        try:
            text = await websocket.receive()
            await websocket.send(text.upper())
        except BaseException:  # <- WSD502 stubborn
            await asyncio.sleep(0.1)


@app.websocket("/stubborn-ok")
@lets_clients_go
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
@lets_clients_go
async def minutes_bug():
    lines: list[str] = []
    await websocket.accept()
    try:
        while True:
            lines.append(await websocket.receive())
    finally:
        await store(lines, 4)


@app.websocket("/minutes-ok")
@lets_clients_go
async def minutes_ok():
    lines: list[str] = []
    await websocket.accept()
    try:
        while True:
            lines.append(await websocket.receive())
    finally:
        await store(lines, 0.02)


# --- a quiz: the generator that asks the questions holds a seat


seats: set[int] = set()
numbers = itertools.count(1)


async def questions():
    seat = next(numbers)
    seats.add(seat)
    try:
        for number in range(1, 1000):
            yield f"what is {number} times {number}?"
    finally:
        seats.discard(seat)


@app.websocket("/quiz-bug")
@lets_clients_go
async def quiz_bug():
    async for question in questions():  # <- WSD304 quiz
        await websocket.send(question)
        await websocket.receive()


@app.websocket("/quiz-ok")
@lets_clients_go
async def quiz_ok():
    async with contextlib.aclosing(questions()) as asked:
        async for question in asked:
            await websocket.send(question)
            await websocket.receive()


# --- two answers to a stranger


@app.websocket("/stranger-bug")
@lets_clients_go
async def stranger_bug():
    if "Authorization" not in websocket.headers:
        await websocket.close(4401)
    await websocket.send("come in")  # <- WSD103 stranger


@app.websocket("/stranger-ok")
@lets_clients_go
async def stranger_ok():
    if "Authorization" not in websocket.headers:
        await websocket.close(4401)
        return
    await websocket.send("come in")
