"""A handler that wants a session from an HTTP request, and a conversation; and drivers that give it, or fail to."""

import asyncio
import json

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

TOKENS: set[str] = set()


async def login(request):
    user = (await request.json())["user"]
    TOKENS.add(f"hunter2-{user}")
    response = JSONResponse({"token": f"hunter2-{user}"})
    response.set_cookie("seen", "yes")
    return response


async def _begin(websocket: WebSocket) -> bool:
    known = websocket.query_params.get("token") in TOKENS
    if not known or websocket.cookies.get("seen") != "yes":
        await websocket.close()
        return False
    await websocket.accept(subprotocol="v2")
    await websocket.send_bytes(b"hello")
    return True


async def fine(websocket: WebSocket) -> None:
    try:
        if await _begin(websocket):
            async for message in websocket.iter_json():
                await websocket.send_json({"answer": message["n"]})
    except WebSocketDisconnect:
        pass


async def bug(websocket: WebSocket) -> None:
    if await _begin(websocket):
        task = asyncio.create_task(asyncio.sleep(3600))
        while True:
            message = json.loads(await websocket.receive_text())  # <- WSD201
            await websocket.send_json({"answer": message["n"], "task": task.get_name()})


routes = [Route("/login", login, methods=["POST"])]
app = Starlette(routes=[*routes, WebSocketRoute("/fine", fine)])
buggy = Starlette(routes=[*routes, WebSocketRoute("/bug", bug)])


async def drive(http, ws):
    answer = await http.post("/login", json={"user": "ann"})
    assert answer.status == 200
    cookies = "; ".join(f"{name}={value}" for name, value in http.cookies.items())
    await ws.connect(
        f"{ws.path}?token={answer.json()['token']}",
        headers={"Cookie": cookies},
        subprotocols=["v1", "v2"],
    )
    assert ws.subprotocol == "v2"
    assert await ws.recv() == b"hello"
    await ws.send(json={"n": 1})
    assert json.loads(await ws.recv())["answer"] == 1


async def without_login(http, ws):
    await ws.connect()


async def wrong_key(http, ws):
    answer = await http.post("/login", json={"user": "ann"})
    await ws.connect(f"{ws.path}?token={answer.json()['sid']}")


async def never_connects(http, ws):
    await http.get("/login")


async def exits(http, ws):
    raise SystemExit(3)


async def waits(http, ws):
    await drive(http, ws)
    await ws.recv()


def no_coroutine(http, ws):
    pass


async def no_http(ws):
    pass
