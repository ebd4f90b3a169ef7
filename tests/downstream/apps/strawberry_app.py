"""strawberry-graphql: a subscription over graphql-transport-ws, as its documentation serves it with ASGI."""

import asyncio
import json
from collections.abc import AsyncGenerator

import strawberry
from strawberry.asgi import GraphQL


@strawberry.type
class Query:
    @strawberry.field
    def hello(self) -> str:
        return "world"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, target: int = 1000) -> AsyncGenerator[int, None]:
        for i in range(target):
            yield i
            await asyncio.sleep(0.5)


schema = strawberry.Schema(query=Query, subscription=Subscription)
app = GraphQL(schema)


async def subscribe(http, ws):
    await ws.connect("/", subprotocols=["graphql-transport-ws"])
    await ws.send(json={"type": "connection_init"})
    assert json.loads(await ws.recv())["type"] == "connection_ack"
    query = {"query": "subscription { count }"}
    await ws.send(json={"id": "1", "type": "subscribe", "payload": query})


async def subscribe_legacy(http, ws):
    """The same over graphql-ws, the protocol before it."""
    await ws.connect("/", subprotocols=["graphql-ws"])
    await ws.send(json={"type": "connection_init"})
    assert json.loads(await ws.recv())["type"] == "connection_ack"
    query = {"query": "subscription { count }"}
    await ws.send(json={"id": "1", "type": "start", "payload": query})
