"""Litestar's `WebsocketListener` class: hooks, dependencies, path parameters, subprotocols."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

from litestar import Litestar, WebSocket
from litestar.di import Provide
from litestar.exceptions import WebSocketDisconnect
from litestar.handlers import WebsocketListener

# --- starts a pulse when it accepts, and forgets it


async def pulse(socket: WebSocket, period: float) -> None:
    while True:
        await asyncio.sleep(period)
        with contextlib.suppress(Exception):
            await socket.send_json({"pulse": True})


class PulseBug(WebsocketListener):
    path = "/pulse-bug"

    async def on_accept(self, socket: WebSocket) -> None:
        socket.state.pulse = asyncio.create_task(pulse(socket, 2))  # <- WSD301 pulse

    async def on_receive(self, data: str) -> str:
        return data


class PulseOk(WebsocketListener):
    path = "/pulse-ok"

    async def on_accept(self, socket: WebSocket) -> None:
        socket.state.pulse = asyncio.create_task(pulse(socket, 2))

    async def on_disconnect(self, socket: WebSocket) -> None:
        socket.state.pulse.cancel()

    async def on_receive(self, data: str) -> str:
        return data


# --- waits, when its client has left, for what it has cancelled


class MeterBug(WebsocketListener):
    path = "/meter-bug"

    async def on_accept(self, socket: WebSocket) -> None:
        socket.state.meter = asyncio.create_task(pulse(socket, 0.05))

    async def on_disconnect(self, socket: WebSocket) -> None:
        socket.state.meter.cancel()
        await socket.state.meter  # <- WSD501 meter

    async def on_receive(self, data: str) -> None:
        pass


class MeterOk(WebsocketListener):
    path = "/meter-ok"

    async def on_accept(self, socket: WebSocket) -> None:
        socket.state.meter = asyncio.create_task(pulse(socket, 0.05))

    async def on_disconnect(self, socket: WebSocket) -> None:
        socket.state.meter.cancel()
        await asyncio.wait([socket.state.meter])

    async def on_receive(self, data: str) -> None:
        pass


# --- a message that it does not know


class CommandBug(WebsocketListener):
    path = "/command-bug/{name:str}"

    async def on_receive(self, data: dict[str, str], name: str) -> dict[str, str]:
        return {
            "to": name,
            "do": {"play": "playing", "stop": "stopped"}[data["do"]],  # <- WSD603 command
        }


class CommandOk(WebsocketListener):
    path = "/command-ok/{name:str}"

    async def on_receive(self, data: dict[str, str], name: str) -> dict[str, str]:
        known = {"play": "playing", "stop": "stopped"}
        return {"to": name, "do": known.get(data.get("do", ""), "unknown")}


# --- waits, when its client has left, until a report is written


class ReportBug(WebsocketListener):
    path = "/report-bug"

    def on_accept(self) -> None:
        pass

    async def on_disconnect(self) -> None:
        await asyncio.sleep(20)  # <- WSD401 report

    def on_receive(self, data: str) -> str:
        return data.upper()


class ReportOk(WebsocketListener):
    path = "/report-ok"

    async def on_disconnect(self) -> None:
        await asyncio.sleep(0.1)

    def on_receive(self, data: str) -> str:
        return data.upper()


# --- a dependency that says goodbye


async def polite(socket: WebSocket) -> AsyncGenerator[str, None]:
    try:
        yield "polite"
    finally:
        await socket.send_text("goodbye")  # <- WSD201 polite


async def quiet(socket: WebSocket) -> AsyncGenerator[str, None]:
    try:
        yield "quiet"
    finally:
        await asyncio.sleep(0)


class PoliteBug(WebsocketListener):
    path = "/polite-bug"
    dependencies = {"manners": Provide(polite)}

    async def on_receive(self, data: str, manners: str) -> str:
        return f"{manners}: {data}"


class PoliteOk(WebsocketListener):
    path = "/polite-ok"
    dependencies = {"manners": Provide(quiet)}

    async def on_receive(self, data: str, manners: str) -> str:
        return f"{manners}: {data}"


# --- tells all the others: those that are gone, too


class LobbyBug(WebsocketListener):
    path = "/lobby-bug"
    lobby: set[WebSocket] = set()

    async def on_accept(self, socket: WebSocket) -> None:
        self.lobby.add(socket)

    async def on_disconnect(self, socket: WebSocket) -> None:
        for member in list(self.lobby):
            await member.send_text("one has left")  # <- WSD201 lobby
        self.lobby.discard(socket)

    async def on_receive(self, data: str) -> None:
        pass


class LobbyOk(WebsocketListener):
    path = "/lobby-ok"
    lobby: set[WebSocket] = set()

    async def on_accept(self, socket: WebSocket) -> None:
        self.lobby.add(socket)

    async def on_disconnect(self, socket: WebSocket) -> None:
        self.lobby.discard(socket)
        for member in list(self.lobby):
            with contextlib.suppress(WebSocketDisconnect, OSError):
                await member.send_text("one has left")

    async def on_receive(self, data: str) -> None:
        pass


app = Litestar(
    [
        PulseBug,
        PulseOk,
        MeterBug,
        MeterOk,
        CommandBug,
        CommandOk,
        ReportBug,
        ReportOk,
        PoliteBug,
        PoliteOk,
        LobbyBug,
        LobbyOk,
    ],
    openapi_config=None,
)
