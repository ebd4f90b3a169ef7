"""The remedy of WSD402 and WSD403 for a consumer of Channels, in an application."""

from channels.consumer import AsyncConsumer  # type: ignore[import-untyped]
from channels.exceptions import StopConsumer  # type: ignore[import-untyped]
from channels.routing import ProtocolTypeRouter  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]

if not settings.configured:
    settings.configure()


class Echo(AsyncConsumer):
    async def websocket_connect(self, event: dict[str, str]) -> None:
        await self.send({"type": "websocket.accept"})

    async def websocket_receive(self, event: dict[str, str]) -> None:
        await self.send({"type": "websocket.send", "text": event["text"]})

    async def websocket_disconnect(self, event: dict[str, str]) -> None:
        raise StopConsumer


app = ProtocolTypeRouter({"websocket": Echo.as_asgi()})
