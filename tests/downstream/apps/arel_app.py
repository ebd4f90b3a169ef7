"""arel: browser reload in a Starlette application, as in its README."""

import asyncio
from contextlib import asynccontextmanager

import arel
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute

hotreload = arel.HotReload(paths=[])


async def touch(request):
    """In the place of a file that changes."""
    await hotreload.notify.notify()
    return PlainTextResponse("touched")


@asynccontextmanager
async def lifespan(app):
    await hotreload.startup()
    yield
    await hotreload.shutdown()


app = Starlette(
    routes=[
        Route("/touch", touch),
        WebSocketRoute("/hot-reload", hotreload, name="hot-reload"),
    ],
    lifespan=lifespan,
)


async def reload(http, ws):
    await ws.connect("/hot-reload")
    await asyncio.sleep(0.1)
    await http.get("/touch")
    assert await ws.recv() == "reload"
