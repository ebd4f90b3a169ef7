"""How messages are read and written."""

import json


async def read_command(websocket):
    text = await websocket.receive_text()
    return text.strip().lower()


def parse(text):
    order = json.loads(text)
    return order["item"], int(order["count"])


async def stop(task):
    """End a task and wait for it."""
    task.cancel()
    await task
