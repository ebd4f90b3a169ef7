"""The message that wsdoctor makes up for a handler, read from its source."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import Story
from wsdoctor.diagnosis.made_up import made_up_messages
from wsdoctor.recording import events as e
from wsdoctor.recording.case import SendStep

FILE = "app.py"


def made_up(source: str, *, listener: bool = False) -> list[object]:
    """What is made up for a handler that waits at the line marked ``# <-``: texts, JSON decoded, bytes."""
    source = dedent(source)
    lines = [i for i, line in enumerate(source.splitlines(), 1) if line.endswith("# <-")]
    frames = tuple(
        e.StackFrame(FILE, line, "handler", user=True, first_line=line) for line in lines
    )
    story = Story().opened()
    story.add(e.ReceiveCalled, call=7, task=1, stack=() if listener else frames)
    recording = replace(
        story.client_leaves().recording(), sources={FILE: source}, handler=frames[-1]
    )
    return [_value(step) for step in made_up_messages(recording)]


def _value(step: SendStep) -> object:
    if step.text is None:
        return bytes.fromhex(step.hex)
    try:
        return json.loads(step.text)
    except ValueError:
        return step.text


@pytest.mark.parametrize(
    "source, first",
    [
        (
            """
            async def handler(socket):
                while True:
                    text = await socket.receive_text()  # <-
                    await socket.send_text(text)
            """,
            "hello",
        ),
        (
            """
            async def handler(socket):
                async for data in socket.iter_bytes():  # <-
                    await socket.send_bytes(data)
            """,
            b"hello",
        ),
        (
            """
            async def handler(socket):
                message = await socket.receive_json()  # <-
                if message["type"] == "ping":
                    await socket.send_json({"id": message["id"], "to": message.get("to")})
            """,
            {"type": "ping", "id": "hello", "to": "hello"},
        ),
        (
            """
            async def handler(socket):
                text = await socket.receive_text()  # <-
                data = json.loads(text)
                for item in data["items"]:
                    print(item["name"], data["user"]["id"])
            """,
            {"items": [{"name": "hello"}], "user": {"id": "hello"}},
        ),
        (
            """
            async def handler(socket):
                match await socket.receive_json():  # <-
                    case {"action": "join" | "leave", "room": room}:
                        print(room)
            """,
            {"action": "join", "room": "hello"},
        ),
        (
            """
            class Move(BaseModel):
                x: int
                kind: Literal["rook", "king"]
                note: str | None = None

            async def handler(socket):
                move = Move.model_validate(await socket.receive_json())  # <-
            """,
            {"x": 1, "kind": "rook"},
        ),
        (
            """
            async def answer(socket, message):
                await socket.send_text(message["question"])

            async def handler(socket):
                async for message in socket.iter_json():  # <-
                    await answer(socket, message)
            """,
            {"question": "hello"},
        ),
        (
            """
            async def handler(scope, receive, send):
                message = await receive()  # <-
                if message["type"] == "websocket.disconnect":
                    return
                data = json.loads(message["text"])
                await send(data["to"])
            """,
            {"to": "hello"},
        ),
        (
            """
            async def handler(scope, receive, send):
                event = await receive()  # <-
                if event["type"] == "websocket.receive":
                    await send(event["bytes"])
            """,
            b"hello",
        ),
        (
            """
            async def handler(socket):
                message = await Client(socket).read()  # <-
                print(message["name"])

            class Client:
                async def read(self):
                    return await self.socket.receive_json()  # <-
            """,
            {"name": "hello"},
        ),
        (
            """
            async def handler(socket):
                command = (await socket.receive_text()).strip()  # <-
                if command == "start":
                    print(command)
            """,
            "start",
        ),
        (
            """
            async def handler(socket):
                if (text := await socket.receive_text()) in ("go", "stop"):  # <-
                    print(text)
            """,
            "go",
        ),
    ],
)
def test_the_likeliest_message_is(source: str, first: object):
    assert made_up(source)[0] == first


@pytest.mark.parametrize(
    "source, first",
    [
        ("async def handler(data: str) -> str:  # <-\n    return data\n", "hello"),
        ("async def handler(data: bytes) -> bytes:  # <-\n    return data\n", b"hello"),
        (
            "class Note:\n    text: str\n    size: int\n\nasync def handler(data: Note) -> None:  # <-\n    print(data.text)\n",
            {"text": "hello", "size": 1},
        ),
        (
            'async def handler(data: dict[str, str], socket) -> str:  # <-\n    return data["name"]\n',
            {"name": "hello"},
        ),
        (
            'class Echo(WebSocketEndpoint):  # <-\n    encoding = "json"\n\n    async def on_receive(self, socket, data):\n        print(data["a"])\n',
            {"a": "hello"},
        ),
    ],
)
def test_for_a_listener_its_parameter_says_what_it_takes(source: str, first: object):
    assert made_up(source, listener=True)[0] == first


def test_a_handler_that_does_not_wait_for_a_message_gets_none():
    assert made_up_messages(Story().opened().client_leaves().recording()) == ()


def test_what_a_framework_reads_for_itself_is_no_listener():
    assert made_up("async def handler() -> None:  # <-\n    ...\n", listener=True) == []


def test_a_message_of_another_type_is_tried_where_the_source_does_not_tell():
    source = """
    async def handler(socket):
        message = await socket.receive_json()  # <-
        print(message["n"] + 1)
    """
    assert made_up(source)[:2] == [{"n": "hello"}, {"n": 1}]
