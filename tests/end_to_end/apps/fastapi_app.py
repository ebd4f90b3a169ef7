"""The connection manager of many tutorials: it tells those who are gone that somebody left."""

from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()


class Manager:
    def __init__(self) -> None:
        self.connections: list[WebSocket] = []  # <- WSD305

    async def connect(self, websocket: WebSocket) -> None:
        await websocket.accept()
        self.connections.append(websocket)

    def disconnect(self, websocket: WebSocket) -> None:
        self.connections.remove(websocket)

    async def broadcast(self, message: str) -> None:
        for connection in self.connections:
            await connection.send_text(message)  # <- WSD102


class CarefulManager(Manager):
    def disconnect(self, websocket: WebSocket) -> None:
        if websocket in self.connections:
            self.connections.remove(websocket)

    async def broadcast(self, message: str) -> None:
        for connection in list(self.connections):
            try:
                await connection.send_text(message)
            except (WebSocketDisconnect, RuntimeError):
                self.disconnect(connection)  # its own handler may not know yet


careless, careful = Manager(), CarefulManager()


@app.websocket("/bug/{name}")
async def bug(websocket: WebSocket, name: str) -> None:
    await careless.connect(websocket)
    try:
        while True:
            await careless.broadcast(f"{name}: {await websocket.receive_text()}")
    except WebSocketDisconnect:
        await careless.broadcast(f"{name} has left")
        careless.disconnect(websocket)


@app.websocket("/ok/{name}")
async def ok(websocket: WebSocket, name: str) -> None:
    await careful.connect(websocket)
    try:
        while websocket in careful.connections:
            await careful.broadcast(f"{name}: {await websocket.receive_text()}")
    except WebSocketDisconnect:
        pass
    finally:
        careful.disconnect(websocket)
    await careful.broadcast(f"{name} has left")
