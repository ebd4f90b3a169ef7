"""The listener of Litestar's documentation."""

from litestar import Litestar, websocket_listener


@websocket_listener("/")
async def echo(data: str) -> str:
    return data


app = Litestar([echo], openapi_config=None, logging_config=None)
