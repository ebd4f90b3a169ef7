# An answer may lose the race with the disconnect: its OSError is for the server. On
# its way it is thrown in at the `yield`, and the seat is never given back.

from collections.abc import AsyncGenerator
from typing import Any

from litestar import Litestar, WebSocket, websocket
from litestar.di import NamedDependency, Provide

seats: list[int] = []


async def seat() -> AsyncGenerator[int, None]:
    seats.append(number := len(seats))
    yield number  # <- here
    seats.remove(number)


@websocket("/game", dependencies={"seat": Provide(seat)})
async def game(socket: WebSocket[Any, Any, Any], seat: NamedDependency[int]) -> None:
    await socket.accept()
    async for move in socket.iter_data("text"):
        await socket.send_text(f"seat {seat}: {move}")


app = Litestar([game])
