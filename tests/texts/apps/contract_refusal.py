"""The check closes, and its caller goes on as if it had not."""

from litestar import Litestar, WebSocket, websocket


async def check(socket: WebSocket) -> None:
    if "token" not in socket.query_params:
        await socket.close(code=4401)


@websocket("/orders")
async def orders(socket: WebSocket) -> None:
    await check(socket)
    await socket.accept()
    async for text in socket.iter_data("text"):
        await socket.send_text(text)


app = Litestar([orders])
