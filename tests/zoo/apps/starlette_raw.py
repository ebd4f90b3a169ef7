"""Plain Starlette endpoints: functions over `WebSocket`, with its methods and with raw messages."""
# ruff: noqa: SIM105, S110, TRY203

import asyncio
import contextlib
import itertools

from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

# --- close() in `finally`


async def close_in_finally_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
    finally:
        await websocket.close()  # <- WSD101 close-in-finally


async def close_in_finally_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while (text := await websocket.receive_text()) != "bye":
            await websocket.send_text(text)
        await websocket.close()
    except WebSocketDisconnect:
        pass


# --- the disconnect is a message like any other, for who calls receive()


async def receive_loop_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()  # <- WSD104 receive-loop
            if message["type"] == "websocket.receive":
                await websocket.send_text(f"got {message.get('text')}")
    except WebSocketDisconnect:
        pass


async def receive_loop_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                break
            await websocket.send_text(f"got {message.get('text')}")
    except WebSocketDisconnect:
        pass  # an answer that lost the race: Starlette turns the server's OSError into this


# --- nothing catches it


async def plain_echo_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        text = await websocket.receive_text()  # <- WSD201 plain-echo
        await websocket.send_text(text)


async def plain_echo_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        while True:
            text = await websocket.receive_text()
            await websocket.send_text(text)
    except WebSocketDisconnect:
        pass


# --- refusing before the handshake


async def reject_bug(websocket: WebSocket) -> None:
    if "token" not in websocket.query_params:
        await websocket.close(code=1008)
    await websocket.accept()  # <- WSD103 reject
    async for _ in websocket.iter_text():
        pass


async def reject_ok(websocket: WebSocket) -> None:
    if "token" not in websocket.query_params:
        await websocket.close(code=1008)
        return
    await websocket.accept()
    async for _ in websocket.iter_text():
        pass


# --- refusing with a response of one's own


async def denial_bug(websocket: WebSocket) -> None:
    try:
        await websocket.send_denial_response(PlainTextResponse("pay first", 402))
    finally:
        await websocket.close()  # <- WSD103 denial


async def denial_ok(websocket: WebSocket) -> None:
    await websocket.send_denial_response(PlainTextResponse("pay first", 402))


# --- a farewell to somebody who has left


async def farewell_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    seen = 0
    async for _ in websocket.iter_text():
        seen += 1
    await websocket.send_json({"type": "goodbye", "seen": seen})  # <- WSD102 farewell


async def farewell_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        async for text in websocket.iter_text():
            if text == "bye":
                await websocket.send_json({"type": "goodbye"})
                await websocket.close()
                break


# --- a stream that nobody listens beside; it speaks every thirty seconds


async def slow_ticker_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        for number in itertools.count():
            await websocket.send_text(str(number))
            await asyncio.sleep(30)  # <- WSD204 slow-ticker
    except WebSocketDisconnect:
        pass


async def slow_ticker_ok(websocket: WebSocket) -> None:
    async def tick() -> None:
        for number in itertools.count():
            await websocket.send_text(str(number))
            await asyncio.sleep(30)

    await websocket.accept()
    ticking = asyncio.create_task(tick())
    try:
        while (await websocket.receive())["type"] != "websocket.disconnect":
            pass
    finally:
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)


# --- errors swallowed around each send: the loop never ends


async def deaf_ticker_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    while True:
        with contextlib.suppress(Exception):
            await websocket.send_text("tick")
        await asyncio.sleep(1)  # <- WSD402 deaf-ticker


async def deaf_ticker_ok(websocket: WebSocket) -> None:
    """The state is that of the last message, so it costs a send to learn it: at most 0.2 s."""
    await websocket.accept()
    while websocket.application_state is WebSocketState.CONNECTED:
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.send_text("tick")
        await asyncio.sleep(0.2)


# --- ends the conversation after half a second, while its own task still reports


async def progress_bug(websocket: WebSocket) -> None:
    async def progress() -> None:
        with contextlib.suppress(WebSocketDisconnect):
            for percent in range(0, 101, 10):
                await websocket.send_text(f"{percent} %")
                await asyncio.sleep(0.1)

    await websocket.accept()
    task = asyncio.create_task(progress())
    await asyncio.sleep(0.45)
    if not task.done():
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.close()
    await task  # <- WSD103 progress


async def progress_ok(websocket: WebSocket) -> None:
    async def progress() -> None:
        with contextlib.suppress(WebSocketDisconnect):
            for percent in range(0, 101, 10):
                await websocket.send_text(f"{percent} %")
                await asyncio.sleep(0.1)

    await websocket.accept()
    task = asyncio.create_task(progress())
    await asyncio.sleep(0.45)
    if not task.done():
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.close()


# --- returns by itself after five messages


async def five_messages_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    for number in range(5):
        await websocket.send_text(f"{number} of 5")  # <- WSD201 five-messages
        await asyncio.sleep(0.1)


async def five_messages_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        for number in range(5):
            await websocket.send_text(f"{number} of 5")
            await asyncio.sleep(0.1)


# --- closes by itself once its question was answered


async def one_answer_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        await websocket.send_text("what is your name?")
        await websocket.send_text(f"hello {await websocket.receive_text()}")
        await websocket.close()
    except WebSocketDisconnect:
        await websocket.close(code=1001)  # <- WSD101 one-answer


async def one_answer_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    try:
        await websocket.send_text("what is your name?")
        await websocket.send_text(f"hello {await websocket.receive_text()}")
        await websocket.close()
    except WebSocketDisconnect:
        pass


# --- accepts with a subprotocol, and gives the client half a second for its first message


async def subprotocol_bug(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol=websocket.scope["subprotocols"][0])
    try:
        await asyncio.wait_for(websocket.receive_text(), timeout=0.5)
    except TimeoutError:
        with contextlib.suppress(WebSocketDisconnect):
            await websocket.close(code=4408)
    except WebSocketDisconnect:
        return
    with contextlib.suppress(WebSocketDisconnect):
        while True:
            await websocket.receive_text()  # <- WSD104 subprotocol


async def subprotocol_ok(websocket: WebSocket) -> None:
    await websocket.accept(subprotocol=websocket.scope["subprotocols"][0])
    with contextlib.suppress(WebSocketDisconnect):
        try:
            await asyncio.wait_for(websocket.receive_text(), timeout=0.5)
        except TimeoutError:
            await websocket.close(code=4408)
            return
        while True:
            await websocket.receive_text()


# --- a command that it does not know


async def start(websocket: WebSocket) -> None:
    await websocket.send_text("started")


async def stop(websocket: WebSocket) -> None:
    await websocket.send_text("stopped")


COMMANDS = {"start": start, "stop": stop}


async def command_bug(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        command = COMMANDS[text]  # <- WSD602 command
        await command(websocket)


async def command_ok(websocket: WebSocket) -> None:
    await websocket.accept()
    with contextlib.suppress(WebSocketDisconnect):
        async for text in websocket.iter_text():
            if command := COMMANDS.get(text):
                await command(websocket)
            else:
                await websocket.send_text(f"no such command: {text}")


app = Starlette(
    routes=[
        WebSocketRoute(f"/{name.replace('_', '-')}", endpoint)
        for name, endpoint in list(globals().items())
        if name.endswith(("_bug", "_ok"))
    ]
)
