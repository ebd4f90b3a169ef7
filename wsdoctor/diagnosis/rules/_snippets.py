"""The code of the remedies, in the words of each framework.

Every snippet stands in an example that is shown to be clean (tests/rules).
"""

from __future__ import annotations

from wsdoctor.diagnosis.rules._remedies import Words

CANCEL_THEN_WAIT: Words = {
    "": """
        task = asyncio.create_task(...)
        try:
            ...
        except WebSocketDisconnect:
            pass
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
    """,
    "asgi": """
        task = asyncio.create_task(...)
        try:
            while (await receive())["type"] != "websocket.disconnect":
                ...
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
    """,
    "quart": """
        task = asyncio.create_task(...)
        try:
            ...
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
    """,
    "channels": """
        async def connect(self) -> None:
            await self.accept()
            self.task = asyncio.create_task(...)

        async def disconnect(self, code: int) -> None:
            if not self.task.done():
                self.task.cancel()
                await asyncio.wait([self.task])
    """,
}

CANCEL_IN_LIFESPAN = """
    task = asyncio.create_task(stream(socket))
    try:
        yield
    except WebSocketDisconnect:
        pass
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait([task])
"""

OWN_TASK = (
    "Keep the task where only its own connection can reach it: in a variable of the handler, or as an "
    "attribute of the object that serves this one client. A name that all connections share belongs to "
    "the client that came last:"
)

CANCEL_IN_HOOKS: Words = {
    "": """
        async def on_connect(self, websocket: WebSocket) -> None:
            await websocket.accept()
            self.task = asyncio.create_task(...)

        async def on_disconnect(self, websocket: WebSocket, close_code: int) -> None:
            if not self.task.done():
                self.task.cancel()
                await asyncio.wait([self.task])
    """,
    "litestar": """
        async def on_accept(self, socket: WebSocket) -> None:
            socket.state.task = asyncio.create_task(...)

        async def on_disconnect(self, socket: WebSocket) -> None:
            task = socket.state.task
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
    """,
    "asgi": CANCEL_THEN_WAIT["asgi"],
    "quart": CANCEL_THEN_WAIT["quart"],
    "channels": CANCEL_THEN_WAIT["channels"],
}

CATCH_REFUSED: Words = {
    "": """
        try:
            while True:
                ...
        except OSError:
            pass
    """,
    "litestar": """
        try:
            while True:
                ...
        except (WebSocketDisconnect, OSError):
            pass
    """,
}

CATCH: Words = {
    "": """
        try:
            while True:
                ...
        except WebSocketDisconnect:
            pass
    """,
    "asgi": """
        while (await receive())["type"] != "websocket.disconnect":
            ...
    """,
    "quart": CATCH_REFUSED[""],
    "channels": CATCH_REFUSED[""],
}

CATCH_AT_YIELD = """
    try:
        yield
    except WebSocketDisconnect:
        pass
"""

READ_BESIDE_TASK: Words = {
    "": """
        task = asyncio.create_task(...)
        try:
            while True:
                inbox.put_nowait(await websocket.receive_text())
        except WebSocketDisconnect:
            pass
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
    """,
    "asgi": CANCEL_THEN_WAIT["asgi"],
    "quart": CANCEL_THEN_WAIT["quart"],
    "channels": CANCEL_THEN_WAIT["channels"],
}

LIMIT = """
    try:
        ...
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.2):
                await ...
"""

STOP_CONSUMER: Words = {
    "": """
        async def websocket_disconnect(self, event: dict[str, str]) -> None:
            raise StopConsumer
    """,
    "asgi": "",
    "quart": "",
}

EXPECT_THE_END: Words = {
    "": """
        with suppress(WebSocketDisconnect):
            while True:
                ...
    """,
    "litestar": """
        with suppress(WebSocketDisconnect, OSError):
            while True:
                ...
    """,
    "asgi": """
        with suppress(OSError):
            while True:
                ...
    """,
    "quart": """
        with suppress(OSError):
            while True:
                ...
    """,
    "channels": """
        with suppress(OSError):
            while True:
                ...
    """,
}

GOODBYE: Words = {
    "": """
        try:
            ...
        except WebSocketDisconnect:
            pass
        else:
            await websocket.send_json(...)
    """,
    "asgi": """
        if message.get("text") == "bye":
            await send({"type": "websocket.send", "text": "see you"})
            await send({"type": "websocket.close"})
            return
    """,
    "quart": """
        if text == "bye":
            await websocket.send("see you")
            await websocket.close(1000)
            return
    """,
    "channels": """
        if text_data == "bye":
            await self.send(text_data="see you")
            await self.close()
    """,
}

CLOSE_IF_OPEN: Words = {
    "": """
        try:
            ...
        except WebSocketDisconnect:
            pass
        else:
            await websocket.close()
    """,
    "asgi": GOODBYE["asgi"],
    "quart": GOODBYE["quart"],
    "channels": GOODBYE["channels"],
}

CLOSE_AND_RETURN: Words = {
    "": """
        await websocket.close()
        return
    """,
    "asgi": """
        await send({"type": "websocket.close"})
        return
    """,
    "quart": """
        await websocket.close(1000)
        return
    """,
    "channels": """
        await self.close()
        return
    """,
}

REFUSE: Words = {
    "": """
        if token != "demo":
            await websocket.close(1008)
            return
        await websocket.accept()
    """,
    "asgi": """
        if token != "demo":
            await send({"type": "websocket.close", "code": 1008})
            return
        await send({"type": "websocket.accept"})
    """,
    "quart": """
        if token != "demo":
            abort(403)
        await websocket.accept()
    """,
    "channels": """
        if token != "demo":
            await self.close(1008)
            return
        await self.accept()
    """,
}

OWN_ENTRY: Words = {
    "": """
        active[user] = websocket
        try:
            ...
        finally:
            if active.get(user) is websocket:
                del active[user]
    """,
    "litestar": """
        active[user] = socket
        try:
            ...
        finally:
            if active.get(user) is socket:
                del active[user]
    """,
    "asgi": """
        active[user] = send
        try:
            ...
        finally:
            if active.get(user) is send:
                del active[user]
    """,
    "quart": """
        active[user] = queue
        try:
            ...
        finally:
            if active.get(user) is queue:
                del active[user]
    """,
    "channels": """
        async def connect(self) -> None:
            await self.accept()
            active[user] = self

        async def disconnect(self, code: int) -> None:
            if active.get(user) is self:
                del active[user]
    """,
}

EVERY_CONNECTION: Words = {
    "": """
        connections[user].add(websocket)
        try:
            ...
        finally:
            connections[user].discard(websocket)
            if not connections[user]:
                del connections[user]
    """,
    "litestar": """
        connections[user].add(socket)
        try:
            ...
        finally:
            connections[user].discard(socket)
            if not connections[user]:
                del connections[user]
    """,
    "asgi": """
        connections[user].add(send)
        try:
            ...
        finally:
            connections[user].discard(send)
            if not connections[user]:
                del connections[user]
    """,
    "quart": """
        connections[user].add(queue)
        try:
            ...
        finally:
            connections[user].discard(queue)
            if not connections[user]:
                del connections[user]
    """,
    "channels": """
        async def connect(self) -> None:
            await self.accept()
            connections[user].add(self)

        async def disconnect(self, code: int) -> None:
            connections[user].discard(self)
            if not connections[user]:
                del connections[user]
    """,
}

RESET = """
    token = current.set(...)
    try:
        ...
    finally:
        current.reset(token)
"""
