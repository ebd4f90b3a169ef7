"""ariadne: a subscription over graphql-transport-ws, with the handler that its documentation names for it."""

import asyncio
import json

from ariadne import QueryType, SubscriptionType, make_executable_schema
from ariadne.asgi import GraphQL
from ariadne.asgi.handlers import GraphQLTransportWSHandler

type_defs = """
    type Query {
        hello: String!
    }

    type Subscription {
        counter: Int!
    }
"""

query = QueryType()
subscription = SubscriptionType()


@query.field("hello")
def resolve_hello(*_):
    return "world"


@subscription.source("counter")
async def counter_generator(obj, info):
    for i in range(1000):
        await asyncio.sleep(0.5)
        yield i


@subscription.field("counter")
def counter_resolver(count, info):
    return count + 1


schema = make_executable_schema(type_defs, query, subscription)
app = GraphQL(schema, websocket_handler=GraphQLTransportWSHandler())


async def subscribe(http, ws):
    await ws.connect("/", subprotocols=["graphql-transport-ws"])
    await ws.send(json={"type": "connection_init"})
    assert json.loads(await ws.recv())["type"] == "connection_ack"
    operation = {"query": "subscription { counter }"}
    await ws.send(json={"id": "1", "type": "subscribe", "payload": operation})
