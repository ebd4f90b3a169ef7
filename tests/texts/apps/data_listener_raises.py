"""A listener class that does not know the command; a lookup in a method of its own."""

from litestar import Litestar
from litestar.handlers import WebsocketListener


class Remote(WebsocketListener):
    path = "/remote"
    commands = {"on": 1, "off": 0}

    def lookup(self, name: str) -> int:
        return self.commands[name]

    async def on_receive(self, data: str) -> str:
        return f"set to {self.lookup(data)}"


app = Litestar([Remote])
