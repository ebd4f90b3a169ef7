"""litestar: its Channels plugin, with the route handlers that it makes by itself."""

from litestar import Litestar, get
from litestar.channels import ChannelsPlugin
from litestar.channels.backends.memory import MemoryChannelsBackend

channels = ChannelsPlugin(
    backend=MemoryChannelsBackend(history=10),
    channels=["foo"],
    create_ws_route_handlers=True,
    ws_handler_send_history=10,
)


@get("/publish")
async def publish(channels: ChannelsPlugin) -> str:
    await channels.wait_published({"n": 1}, "foo")
    return "published"


app = Litestar([publish], plugins=[channels])


async def subscribe(http, ws):
    await ws.connect()
    for _ in range(3):
        assert (await http.get("/publish")).status == 200
        await ws.recv()
