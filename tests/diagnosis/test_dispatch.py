"""The messages for a handler that compares by name, or looks a function up: constants, enumerations, tables."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.diagnosis.messages import for_branches, made_up

FUNCTIONS = """
class Op(StrEnum):
    JOIN = "join"
    SAY = "say"

class Step(Enum):
    join = 1
    say = 2

class Level(Enum):
    LOW = auto()
    HIGH = auto()

JOIN, ENTER = "join", "enter"
SAY: str = "say"
TALK = frozenset([SAY, "shout"])

async def join(socket, data):
    await socket.send_json(data["room"])

async def say(socket, data):
    await socket.send_json(data["text"])
"""
LOOP = """
async def handler(socket):
    while True:
        data = await socket.receive_json()  # <-
"""
JOINS = {"op": "join", "room": "hello"}
SAYS = {"op": "say", "text": "hello"}


def loop(*lines: str, before: str = "") -> str:
    """A handler that runs ``lines`` for each message ``data``."""
    return FUNCTIONS + before + LOOP + "".join(f"        {line}\n" for line in lines)


def compared(one: str, other: str, subject: str = 'data["op"]') -> str:
    """A handler that compares ``subject`` with both."""
    return loop(
        f"kind = {subject}",
        f"if kind {one}:",
        "    await join(socket, data)",
        f"elif kind {other}:",
        "    await say(socket, data)",
    )


@pytest.mark.parametrize(
    "source",
    [
        compared('== "join"', '== "say"'),
        compared("== Op.JOIN.value", "== Op.SAY.value"),
        compared("== Op.JOIN", "is Op.SAY", "Op(data['op'])"),
        compared("is Step.join", "is Step.say", "Step[data['op']]"),
        compared("in (Op.JOIN, 'enter')", "in TALK"),
        compared('in {"join", "enter"}', 'in ["say", "shout"]'),
        loop(
            "match data['op']:",
            "    case Op.JOIN.value:",
            "        await join(socket, data)",
            "    case Op.SAY:",
            "        await say(socket, data)",
        ),
        loop(
            "match data:",
            "    case {'op': 'join', 'room': room}:",
            "        pass",
            "    case {'op': 'say', 'text': str() as text}:",
            "        pass",
        ),
    ],
)
def test_each_constant_that_is_compared_has_its_message(source: str):
    assert for_branches(source)[:2] == [JOINS, SAYS]


TABLE = 'HANDLERS = {"join": join, "say": say}\n'


@pytest.mark.parametrize(
    "source",
    [
        loop('await HANDLERS[data["op"]](socket, data)', before=TABLE),
        loop('handle = HANDLERS.get(data["op"])', "await handle(socket, data)", before=TABLE),
        loop(
            'if (handle := HANDLERS.get(data["op"])) is not None:',
            "    await handle(socket, data)",
            before=TABLE,
        ),
        loop(
            'if data["op"] not in HANDLERS:',
            "    continue",
            'await HANDLERS[data["op"]](socket, data)',
            before=TABLE,
        ),
        loop(
            "handlers = {Op.JOIN: join, Op.SAY: lambda socket, data: say(socket, data)}",
            "await handlers[Op(data['op'])](socket, data)",
        ),
        loop(
            'await HANDLERS[data["op"]](data)',
            before='HANDLERS = {}\nHANDLERS["join"] = partial(join, None)\nHANDLERS[SAY] = partial(say, None)\n',
        ),
        loop(
            'await HANDLERS[data.pop("op")](**data)',
            before=dedent(
                """
                async def enter(*, room: str, hidden=False): ...
                async def speak(text: str): ...
                HANDLERS = {"join": enter, "say": speak}
                """
            ),
        ),
        """
        class Peer:
            def __init__(self, socket):
                self.handlers = {"join": self.join, "say": self.say}

            async def join(self, data):
                print(data["room"])

            async def say(self, data):
                print(data["text"])

            async def run(self):
                data = await self.socket.receive_json()  # <-
                await self.handlers[data["op"]](data)
        """,
        """
        class Peer:
            async def on_join(self, data):
                print(data["room"])

            async def on_say(self, data):
                print(data["text"])

            async def run(self):
                data = await self.socket.receive_json()  # <-
                handle = getattr(self, f"on_{data['op']}", None)
                await handle(data)
        """,
    ],
)
def test_each_entry_of_a_table_of_functions_has_its_message(source: str):
    assert made_up(source)[0] == JOINS | SAYS | {"op": "join"}
    assert for_branches(source)[:2] == [JOINS, SAYS]


def test_only_the_first_entries_of_a_long_table_have_their_messages():
    names = [f"op{number}" for number in range(9)]
    table = "HANDLERS = {" + ", ".join(f'"{name}": join' for name in names) + "}\n"
    found = for_branches(loop('await HANDLERS[data["op"]](socket, data)', before=table))
    assert found[:3] == [{"op": name, "room": "hello"} for name in names[:3]]
    assert len(found) == 4  # and the one for none of them


PRICES = 'PRICES = {"tea": 3, "coffee": 4}\n'


@pytest.mark.parametrize(
    "source, first",
    [
        (
            loop('print(PRICES[data["item"]], data["n"])', before=PRICES),
            {"item": "tea", "n": "hello"},
        ),
        (loop('print(data["item"] in PRICES)', before=PRICES), {"item": "tea"}),
        (loop('print(PRICES["tea"], data["item"])', before=PRICES), {"item": "hello"}),
        (loop('print(ROOMS[data["room"]])', before="ROOMS = {}\n"), {"room": "hello"}),
    ],
)
def test_a_dictionary_of_values_is_no_table_of_functions(source: str, first: object):
    assert made_up(source)[0] == first
    assert for_branches(source) == []


@pytest.mark.parametrize(
    "source",
    [
        compared("== JOINING", "== unknown.SAYING"),
        loop(
            'kind = data["op"]',
            "if kind == WORD:",
            "    await join(socket, data)",
            before='WORD = "join"\nWORD = read()\n',
        ),
    ],
)
def test_a_name_that_the_source_does_not_tell_is_no_constant(source: str):
    assert made_up(source)[0]["op"] == "hello"


def test_a_parameter_hides_a_constant_of_the_same_name():
    source = loop(
        "await check(data['op'], 'x')", before="async def check(op, JOIN):\n    op == JOIN\n"
    )
    assert made_up(source)[0] == {"op": "hello"}


def test_a_member_without_a_value_of_its_own_has_that_of_its_place():
    assert made_up(loop("print(Level(data['level']))"))[0] == {"level": 1}


PROTOCOL = """
from enum import Enum

class Op(Enum):
    JOIN = "join"
    SAY = "say"
"""
HANDLERS = """
from . import protocol

async def join(socket, data):
    await socket.send(data["room"])

async def say(socket, data):
    await socket.send(data["text"])

HANDLERS = {protocol.Op.JOIN.value: join, protocol.Op.SAY.value: say}
"""


@pytest.mark.parametrize(
    "imports, table",
    [
        ("from handlers import HANDLERS", "HANDLERS"),
        ("from .handlers import HANDLERS as TABLE", "TABLE"),
        ("import handlers", "handlers.HANDLERS"),
    ],
)
def test_a_table_may_stand_in_another_file(imports: str, table: str):
    source = f"{imports}\n{LOOP}        await {table}[data['op']](socket, data)\n"
    found = for_branches(source, handlers=HANDLERS, protocol=PROTOCOL)
    assert found[:2] == [JOINS, SAYS]
    assert made_up(source)[0] == {"op": "hello"}


def test_a_branch_for_a_text_that_is_no_json_has_its_message():
    source = """
    async def handler(socket):
        text = await socket.receive_text()  # <-
        if text == "ping":
            return
        data = json.loads(text)
        print(data["room"], data.get("n", 0))
    """
    assert made_up(source)[0] == {"room": "hello", "n": 1}
    assert for_branches(source)[0] == "ping"


def test_functions_that_call_each_other_are_not_followed_for_ever():
    names = [f"f{number}" for number in range(30)]
    calls = "\n".join(f"    {name}(data)" for name in names)
    functions = "\n".join(f"def {name}(data):\n    data['{name}']\n{calls}" for name in names)
    found = made_up(loop("f0(data)", before=functions))[0]
    assert isinstance(found, dict)
    assert set(names) <= set(found)
