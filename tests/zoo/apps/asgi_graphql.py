"""A protocol of subscriptions over raw ASGI, as `graphql-transport-ws` has it."""

import asyncio
import contextlib
import json


class Protocol:
    """Reads `connection_init` and `subscribe`, and runs a task for each subscription."""

    def __init__(self, scope, receive, send) -> None:
        self.receive, self.send = receive, send
        self.operations: dict[str, asyncio.Task] = {}
        self.initialised = False

    async def say(self, **message) -> None:
        await self.send({"type": "websocket.send", "text": json.dumps(message)})  # <- WSD103 early

    async def run(self) -> None:
        await self.receive()
        await self.send({"type": "websocket.accept", "subprotocol": "graphql-transport-ws"})
        try:
            while (message := await self.receive())["type"] != "websocket.disconnect":
                if not await self.take(json.loads(message["text"])):
                    break
        finally:
            await self.end()

    async def take(self, message) -> bool:
        kind = message.get("type")
        if kind == "connection_init":
            self.initialised = True
            with contextlib.suppress(OSError):
                await self.say(type="connection_ack")
        elif kind == "subscribe":
            name = str(message["id"])
            if name not in self.operations:
                self.operations[name] = self.start(name)
        elif kind == "complete":
            self.operations.pop(str(message["id"])).cancel()
        return True

    async def events(self):
        number = 0
        try:
            while True:
                yield {"count": number}
                number += 1
                await asyncio.sleep(0.2)
        finally:
            number = -1

    async def stream(self, name: str) -> None:
        async with contextlib.aclosing(self.events()) as events:
            async for event in events:
                with contextlib.suppress(OSError, RuntimeError):
                    await self.say(type="next", id=name, payload=event)

    def start(self, name: str) -> asyncio.Task:
        return asyncio.create_task(self.stream(name))

    async def end(self) -> None:
        for task in self.operations.values():
            task.cancel()
        if self.operations:
            await asyncio.wait(self.operations.values())


# --- forgets its subscriptions


class ForgetBug(Protocol):
    def start(self, name: str) -> asyncio.Task:
        return asyncio.create_task(self.stream(name))  # <- WSD301 forget

    async def end(self) -> None:
        self.operations.clear()


# --- awaits them one by one, and dies of the first


class AwaitBug(Protocol):
    async def end(self) -> None:
        for task in self.operations.values():
            task.cancel()
            await task  # <- WSD501 await


class AwaitOk(Protocol):
    async def end(self) -> None:
        for task in self.operations.values():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


# --- leaves the source of a subscription to the garbage collector


class SourceBug(Protocol):
    async def stream(self, name: str) -> None:
        async for event in self.events():  # <- WSD304 source
            if event["count"] == 3:
                break
            with contextlib.suppress(OSError, RuntimeError):
                await self.say(type="next", id=name, payload=event)


class SourceOk(Protocol):
    async def stream(self, name: str) -> None:
        async with contextlib.aclosing(self.events()) as events:
            async for event in events:
                if event["count"] == 3:
                    break
                with contextlib.suppress(OSError, RuntimeError):
                    await self.say(type="next", id=name, payload=event)


# --- refuses what came too early, and answers it all the same


class EarlyBug(Protocol):
    async def take(self, message) -> bool:
        if not self.initialised:
            await self.send({"type": "websocket.close", "code": 4401})
        await self.say(type="pong")
        return True


class EarlyOk(Protocol):
    async def take(self, message) -> bool:
        if not self.initialised:
            await self.send({"type": "websocket.close", "code": 1000})
            return False
        await self.say(type="pong")
        return True


# --- gives its client three seconds to introduce itself


class PatienceBug(Protocol):
    async def run(self) -> None:
        self.timer = asyncio.create_task(self.give_up())  # <- WSD301 patience
        await super().run()

    async def give_up(self) -> None:
        await asyncio.sleep(3)
        if not self.initialised:
            await self.send({"type": "websocket.close", "code": 4408})


class PatienceOk(PatienceBug):
    async def run(self) -> None:
        self.timer = asyncio.create_task(self.give_up())
        await Protocol.run(self)

    async def give_up(self) -> None:
        await asyncio.sleep(3)
        if not self.initialised:
            with contextlib.suppress(OSError, RuntimeError):
                await self.send({"type": "websocket.close", "code": 1000})

    async def end(self) -> None:
        self.timer.cancel()
        await super().end()


# --- ends only what ends by itself


class DrainBug(Protocol):
    async def end(self) -> None:
        for task in list(self.operations.values()):
            await task  # <- WSD402 drain


# --- cancels, and does not take no for an answer


class DeafBug(Protocol):
    async def stream(self, name: str) -> None:
        number = 0
        while True:
            number += 1
            try:
                await self.say(type="next", id=name, payload=number)
                await asyncio.sleep(0.25)
            except (OSError, RuntimeError, asyncio.CancelledError):  # <- WSD502 deaf
                await asyncio.sleep(0.25)

    async def end(self) -> None:
        for task in self.operations.values():
            task.cancel()


class DeafOk(Protocol):
    async def stream(self, name: str) -> None:
        number = 0
        while True:
            number += 1
            try:
                await self.say(type="next", id=name, payload=number)
                await asyncio.sleep(0.25)
            except (OSError, RuntimeError):
                await asyncio.sleep(0.25)

    async def end(self) -> None:
        for task in self.operations.values():
            task.cancel()


PROTOCOLS = {
    "forget": (ForgetBug, Protocol),
    "await": (AwaitBug, AwaitOk),
    "source": (SourceBug, SourceOk),
    "early": (EarlyBug, EarlyOk),
    "patience": (PatienceBug, PatienceOk),
    "drain": (DrainBug, Protocol),
    "deaf": (DeafBug, DeafOk),
}

APPS = {
    f"/{name}-{which}": protocol
    for name, pair in PROTOCOLS.items()
    for which, protocol in zip(("bug", "ok"), pair)
}


async def app(scope, receive, send) -> None:
    if scope["type"] == "websocket":
        await APPS[scope["path"]](scope, receive, send).run()
