"""The class-based listener of Litestar's documentation."""

from litestar import Litestar
from litestar.handlers import WebsocketListener


class Echo(WebsocketListener):
    path = "/"

    async def on_receive(self, data: str) -> str:
        return data


app = Litestar([Echo], openapi_config=None, logging_config=None)
