"""A dispatch table with a default: a disconnect is a command that it does not know."""

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

COMMANDS = {
    "ping": lambda websocket: websocket.send_text("pong"),
    "help": lambda websocket: websocket.send_text("ping, help"),
}


async def unknown(websocket):
    pass


class Terminal:
    async def __call__(self, scope, receive, send):
        raise NotImplementedError

    @staticmethod
    async def serve(websocket):
        await websocket.accept()
        while True:
            message = await websocket.receive()
            command = COMMANDS.get(message.get("text", ""), unknown)
            await command(websocket)


app = Starlette(routes=[WebSocketRoute("/terminal", Terminal.serve)])
