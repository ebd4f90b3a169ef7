"""The message that wsdoctor makes up for a handler, read from its source."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.messages import FILE, for_branches, made_up, said
from tests.diagnosis.story import Story
from wsdoctor.diagnosis.made_up import made_up_messages
from wsdoctor.recording import events as e


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
                reading = asyncio.create_task(socket.receive_json())  # <-
                while True:
                    done, _ = await asyncio.wait({reading, other}, return_when=FIRST_COMPLETED)
                    if reading in done:
                        message = reading.result()
                        if message["op"] == "push":
                            queue.put_nowait(message["value"])
                        reading = asyncio.create_task(socket.receive_json())
            """,
            {"op": "push", "value": "hello"},
        ),
        (
            """
            async def handler(socket):
                first = await asyncio.wait_for(socket.receive_json(), 5)  # <-
                if first.get("token") != "letmein":
                    await socket.close(4401)
                    return
                await socket.send_json(first)
            """,
            {"token": "letmein"},
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
        (
            """
            async def handler(socket):
                message = await read(socket)  # <-
                print(message["name"])

            async def read(socket):
                data = await socket.receive_json()  # <-
                return data
            """,
            {"name": "hello"},
        ),
        (
            """
            async def handler(socket):
                message = await read(socket)  # <-
                print(message["name"])

            async def read(socket):
                data = await socket.receive_json()  # <-
                print(data["id"])
                return data.get("payload")
            """,
            {"id": "hello", "payload": {"name": "hello"}},
        ),
        (
            """
            async def handler(socket):
                async for message in messages(socket):  # <-
                    print(message["name"])

            async def messages(socket):
                while True:
                    data = await socket.receive_json()  # <-
                    yield data
            """,
            {"name": "hello"},
        ),
        (
            """
            async def handler(socket):
                async for message in Client(socket):  # <-
                    print(message["name"])

            class Client:
                async def __anext__(self):
                    data = await self.socket.receive_json()  # <-
                    return data
            """,
            {"name": "hello"},
        ),
        (
            """
            async def handler(socket):
                job = await socket.receive_json()  # <-
                if "scene" not in job:
                    await socket.close(1008)
            """,
            {"scene": "hello"},
        ),
        (
            """
            async def handler(socket):
                job = await socket.receive_json()  # <-
                if "scene" in job and "id" in job["scene"]:
                    print(job["size"])
            """,
            {"scene": "id", "size": "hello"},
        ),
        (
            """
            async def handler(socket):
                job = await socket.receive_json()  # <-
                if job["type"] != "join" or job.get("op") not in ("start", "stop"):
                    return
            """,
            {"type": "join", "op": "start"},
        ),
        (
            """
            async def handler(socket):
                while (text := await socket.receive_text()) != "quit":  # <-
                    if "bad" not in text:
                        print(text)
            """,
            "hello",
        ),
        (
            """
            async def handler(socket):
                data = json.loads(await socket.receive_text() or "{}")  # <-
                print(data["id"])
            """,
            {"id": "hello"},
        ),
    ],
)
def test_the_likeliest_message_is(source: str, first: object):
    assert made_up(source)[0] == first


MIDDLEWARE = """
class Count:
    async def __call__(self, scope, receive, send):
        async def counted():
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.count -= 1
            return message

        await self.app(scope, counted, send)  # <-
"""
COUNTED = """
async def counted():
    message = await receive()  # <-
    if message["type"] == "websocket.disconnect":
        print(message["code"])
    return message
"""


@pytest.mark.parametrize(
    "handler, first",
    [
        (
            """
async def handler(socket):
    message = await socket.receive_json()  # <-
    print(message["name"])
""",
            {"name": "hello"},
        ),
        (
            """
async def handler(socket):
    message = await socket.receive_bytes()  # <-
""",
            b"hello",
        ),
        (
            """
async def handler(scope, receive, send):
    message = await receive()  # <-
    data = json.loads(message["text"])
    print(data["name"])
""",
            {"name": "hello"},
        ),
        (
            """
async def handler(scope, receive, send):
    message = await receive()  # <-
    print(message["text"])
""",
            "hello",
        ),
    ],
)
def test_a_middleware_around_receive_does_not_say_what_the_handler_reads(
    handler: str, first: object
):
    assert made_up(MIDDLEWARE + handler + COUNTED)[0] == first


def test_a_middleware_around_receive_does_not_say_what_a_listener_takes():
    listener = 'async def handler(data: dict[str, str]) -> str:  # <-\n    return data["name"]\n'
    assert made_up(MIDDLEWARE + COUNTED + listener, listener=True)[0] == {"name": "hello"}


@pytest.mark.parametrize(
    "source, messages",
    [
        (
            """
            async def handler(socket):
                data = await socket.receive_json()  # <-
                if "answer" in data:
                    print(data["id"])
                elif "install" in data:
                    print(data["install"])
            """,
            [{"answer": "hello", "id": "hello"}, {"install": "hello"}, {}],
        ),
        (
            """
            async def handler(socket):
                data = await socket.receive_json()  # <-
                match data["op"]:
                    case "join":
                        print(data["room"])
                    case "say" | "shout":
                        print(data["text"])
                    case _:
                        print(data["why"])
            """,
            [
                {"op": "join", "room": "hello"},
                {"op": "say", "text": "hello"},
                {"op": "hello", "why": "hello"},
                {"op": "hello"},
            ],
        ),
        (
            """
            async def handler(socket):
                text = await socket.receive_text()  # <-
                if text == "start":
                    await start()
                elif text == "stop":
                    return
                else:
                    await socket.send_text(text)
            """,
            ["start", "stop", "hello"],
        ),
        (
            """
            async def handler(socket):
                data = await socket.receive_json()  # <-
                if data["op"] == "join":
                    join(data)
                if data["op"] == "leave":
                    ...

            def join(data):
                if data["private"] == "yes":
                    print(data["password"])
            """,
            [
                {"op": "join", "private": "hello"},
                {"op": "leave"},
                {"op": "join", "private": "yes", "password": "hello"},
                {"op": "hello"},
            ],
        ),
        (
            """
            async def handler(socket):
                data = await socket.receive_json()  # <-
                if data["op"] != "join":
                    return
            """,
            [],
        ),
        (
            """
            async def handler(socket):
                data = await socket.receive_json()  # <-
                if "error" in data and data["error"]["code"] == 3:
                    return
                print(data["id"])
            """,
            [{"id": "hello", "error": {"code": 3}}, {"id": "hello"}],
        ),
        (
            """
            async def handler(socket):
                data = await socket.receive_json()  # <-
                if name := data.get("subscribe"):
                    print(name)
                elif name := data.get("publish"):
                    print(name, data["text"])
            """,
            [{"subscribe": "hello"}, {"publish": "hello", "text": "hello"}, {}],
        ),
    ],
)
def test_each_branch_has_its_message(source: str, messages: list[object]):
    assert for_branches(source) == messages


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


def test_a_handler_gets_one_that_another_task_closes_while_it_waits():
    story = Story().opened()
    story.add(e.ReceiveCalled, call=7, task=1, stack=(e.StackFrame(FILE, 2, "handler", user=True),))
    story.sent("websocket.close", task=2)
    story.add(e.ReceiveReturned, call=7, message="websocket.disconnect")
    source = "async def handler(socket):\n    data = await socket.receive_bytes()\n"
    recording = replace(story.client_leaves().recording(), sources={FILE: source})
    assert [said(step) for step in made_up_messages(recording)] == [b"hello"]


def test_what_a_framework_reads_for_itself_is_no_listener():
    assert made_up("async def handler() -> None:  # <-\n    ...\n", listener=True) == []


def test_a_message_of_another_type_is_tried_where_the_source_does_not_tell():
    source = """
    async def handler(socket):
        message = await socket.receive_json()  # <-
        print(message["n"] + 1)
    """
    assert made_up(source)[:2] == [{"n": "hello"}, {"n": 1}]
