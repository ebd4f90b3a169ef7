"""What a consumer of Channels answers: a refusal, a good-bye, a close with a code that comes from elsewhere."""

from urllib.parse import parse_qs

from channels.generic.websocket import AsyncWebsocketConsumer  # type: ignore[import-untyped]
from channels.routing import ProtocolTypeRouter  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]

if not settings.configured:
    settings.configure()


class Answers(AsyncWebsocketConsumer):
    async def connect(self) -> None:
        token = parse_qs(self.scope["query_string"].decode()).get("token", ["demo"])[0]
        if token != "demo":
            await self.close(1008)
            return
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        text = text_data or ""
        if text_data == "bye":
            await self.send(text_data="see you")
            await self.close()
        elif text.startswith("close"):
            await self.ends(int(text.removeprefix("close") or 0))
        elif text.startswith("wrong"):
            await self.refuses(text)
        elif text == "stop":
            await self.close()
            return
        else:
            await self.doubles(text)

    async def doubles(self, text: str) -> None:
        try:
            number = int(text)
        except ValueError:
            await self.send(text_data="that is not a number")
            return
        await self.send(text_data=str(2 * number))

    async def ends(self, code: int) -> None:
        sendable = code in {1000, 1001, 1008, 1011} or 3000 <= code <= 4999
        await self.close(code if sendable else 1011)

    async def refuses(self, reason: str) -> None:
        short = reason.encode(errors="replace")[:123].decode(errors="ignore")
        await self.close(1003, short)


app = ProtocolTypeRouter({"websocket": Answers.as_asgi()})
