"""fastapi-websocket-pubsub (and fastapi-websocket-rpc beneath it): a server that a client subscribes to."""

import asyncio
import json

from fastapi import FastAPI
from fastapi_websocket_pubsub import PubSubEndpoint

app = FastAPI()
endpoint = PubSubEndpoint()
endpoint.register_route(app, "/pubsub")


@app.get("/trigger")
async def trigger_events():
    await endpoint.publish(["guns", "germs"], data="steel")
    return "triggered"


async def subscribe(http, ws):
    await ws.connect()
    request = {"method": "subscribe", "arguments": {"topics": ["guns"]}, "call_id": "1"}
    await ws.send(json={"request": request})
    answer = json.loads(await ws.recv())
    assert answer["response"]["result"] in (True, "True"), answer
    # The one who publishes waits for the subscriber's answer, so not here.
    trigger = asyncio.create_task(http.get("/trigger"))
    notify = json.loads(await ws.recv())["request"]
    result = {"result": None, "result_type": "None", "call_id": notify["call_id"]}
    await ws.send(json={"response": result})
    await trigger
