"""The messages for a handler that makes an object of them: of pydantic, msgspec, dataclasses, TypedDict."""

from __future__ import annotations

from textwrap import dedent

import pytest

from tests.diagnosis.messages import for_branches, made_up

READ = "await socket.receive_text()"


def handler(classes: str, *lines: str) -> str:
    """A handler of messages ``text`` that runs ``lines``, below ``classes``."""
    body = "".join(f"    {line}\n" for line in lines)
    return f"{dedent(classes)}\nasync def handler(socket):\n    text = {READ}  # <-\n{body}"


MOVE = """
class Move(Model):
    x: int
    kind: Literal["rook", "king"]
    note: str | None = None
    tags: list[str] = Field(default_factory=list)
"""
MADE = [
    "Move.model_validate_json(text)",
    "Move(**json.loads(text))",
    "Move.model_validate(json.loads(text))",
    "msgspec.json.decode(text, type=Move)",
    "msgspec.convert(json.loads(text), Move)",
    "TypeAdapter(Move).validate_json(text)",
    "ADAPTER.validate_python(json.loads(text))",
    "msgspec.json.Decoder(type=Move).decode(text)",
    "cast('Move', json.loads(text))",
]


@pytest.mark.parametrize("made", MADE)
def test_the_message_has_the_fields_that_an_object_cannot_be_made_without(made: str):
    source = handler(f"{MOVE}\nADAPTER = TypeAdapter(Move)\n", f"move = {made}", "print(move.note)")
    assert made_up(source)[0] == {"x": 1, "kind": "rook"}


def test_a_function_of_the_users_may_make_it():
    parse = "\n    @classmethod\n    def parse(cls, raw):\n        return cls(**json.loads(raw))\n"
    source = handler(MOVE + parse, "move = Move.parse(text)", "print(move.x)")
    assert made_up(source)[0] == {"x": 1, "kind": "rook"}


@pytest.mark.parametrize(
    "annotation, value",
    [
        ("str", "hello"),
        ("float", 1.5),
        ("bool", True),
        ("None | int", 1),
        ("Optional[int]", 1),
        ("'int'", 1),
        ("dict[str, int]", {}),
        ("list[int]", [1]),
        ("tuple[int, str]", [1, "hello"]),
        ("set[str]", ["hello"]),
        ("Colour", "red"),
        ("Literal[Colour.BLUE]", "blue"),
        ("UserId", 1),
        ("UUID", "6f1d2c3b-4a59-4e68-8d77-9c86ab95b4c3"),
        ("datetime.datetime", "2024-01-01T00:00:00Z"),
        ("Inner", {"size": 1}),
        ("list[Inner]", [{"size": 1}]),
        ("Annotated[int, Field(ge=5)]", 5),
        ("Annotated[int, msgspec.Meta(gt=5, le=9)]", 6),
        ("Annotated[int, Lt(1)]", 0),
        ("Annotated[str, Field(min_length=7, max_length=8)]", "hellohe"),
        ("int = Field(ge=LEAST)", 12),
        ("str = Field(..., max_length=2)", "he"),
        ("Literal['join'] = 'join'", "join"),
    ],
)
def test_a_field_has_a_value_of_its_type(annotation: str, value: object):
    classes = f"""
    LEAST = 12
    UserId = NewType("UserId", int)

    class Colour(Enum):
        RED = "red"
        BLUE = "blue"

    class Inner(BaseModel):
        size: int

    class Message(BaseModel):
        field: {annotation}
    """
    assert made_up(handler(classes, "Message.model_validate_json(text)"))[0] == {"field": value}


@pytest.mark.parametrize(
    "field",
    [
        "field: int = 3",
        "field: int = Field(3, ge=1)",
        "field: int = Field(default=3)",
        "field: list = field(default_factory=list)",
        "field: NotRequired[int]",
        "field: ClassVar[int]",
        "_field: int",
    ],
)
def test_a_field_that_is_not_needed_is_left_out(field: str):
    classes = f"class Message(Base):\n    own: int\n    {field}\n"
    source = handler(classes, "message = Message(**json.loads(text))", "print(message.field)")
    assert made_up(source)[0] == {"own": 1}


def test_a_field_with_a_default_is_sent_where_the_source_compares_it():
    classes = "class Message(Base):\n    own: int\n    kind: str = 'a'\n"
    source = handler(
        classes, "message = Message(**json.loads(text))", "if message.kind == 'b':", "    pass"
    )
    assert for_branches(source)[0] == {"own": 1, "kind": "b"}


def test_the_key_of_a_field_may_have_another_name():
    classes = """
    class Message(BaseModel):
        own: int = Field(alias="ownId")
        other: int = Field(validation_alias="otherId")
    """
    source = handler(classes, "message = Message.model_validate_json(text)", "print(message.own)")
    assert made_up(source)[0] == {"ownId": 1, "otherId": 1}


def test_the_fields_of_the_bases_are_needed_too():
    classes = """
    class Base(BaseModel):
        id: int
        kind: str

    class Message(Base):
        kind: Literal["m"]
    """
    source = handler(classes, "Message.model_validate_json(text)")
    assert made_up(source)[0] == {"id": 1, "kind": "m"}


UNIONS = [
    (
        """
        class Join(BaseModel):
            type: Literal["join"]
            room: int

        class Say(BaseModel):
            type: Literal["say"] = "say"
            text: str

        Message = Annotated[Union[Join, Say], Field(discriminator="type")]
        adapter = TypeAdapter(Message)
        """,
        "adapter.validate_json(text)",
    ),
    (
        """
        class Base(Struct, tag=str.lower):
            pass

        class Join(Base):
            room: int

        class Say(Base):
            text: str
        """,
        "msgspec.json.decode(text, type=Join | Say)",
    ),
    (
        """
        class Join(Struct, tag="join", tag_field="type"):
            room: int

        class Say(Struct, tag="say"):
            text: str

        decoder = msgspec.json.Decoder("Join | Say")
        """,
        "decoder.decode(text)",
    ),
]
USES = [
    [
        "if isinstance(message, Join):",
        "    print(message.room)",
        "else:",
        "    print(message.text)",
    ],
    [
        "match message:",
        "    case Join(room=room):",
        "        pass",
        "    case Say():",
        "        print(message.text)",
    ],
]


@pytest.mark.parametrize("classes, made", UNIONS)
@pytest.mark.parametrize("use", USES)
def test_each_class_of_a_union_has_its_message(classes: str, made: str, use: list[str]):
    found = for_branches(handler(classes, f"message = {made}", *use))
    assert found[:2] == [{"type": "join", "room": 1}, {"type": "say", "text": "hello"}]


@pytest.mark.parametrize("annotation", ["Join", "Join | None", "int | str", "Optional[Join]"])
def test_what_is_no_union_of_classes_has_one_message(annotation: str):
    classes = f"class Join(Struct):\n    room: int\n\nMessage = {annotation}\n"
    assert for_branches(handler(classes, "msgspec.json.decode(text, type=Message)")) == []


def test_attributes_are_compared_like_keys():
    lines = ["message = Move.model_validate_json(text)", "if message.kind == 'king':", "    pass"]
    assert for_branches(handler(MOVE, *lines)) == [
        {"x": 1, "kind": "king"},
        {"x": 1, "kind": "rook"},
    ]


def test_the_classes_of_a_table_have_their_messages():
    classes = """
    class Join(BaseModel):
        room: int

    class Say(BaseModel):
        text: str

    MODELS = {"join": Join, "say": Say}
    """
    lines = ["data = json.loads(text)", 'MODELS[data["op"]](**data["payload"])']
    assert for_branches(handler(classes, *lines))[:2] == [
        {"op": "join", "payload": {"room": 1}},
        {"op": "say", "payload": {"text": "hello"}},
    ]


def test_a_model_may_stand_in_another_file():
    source = handler("from models import Move", "Move.model_validate_json(text)")
    assert made_up(source, models=MOVE)[0] == {"x": 1, "kind": "rook"}


def test_an_object_that_is_made_of_parts_of_the_message_tells_their_types():
    source = handler(MOVE, "data = json.loads(text)", 'Move(x=data["from"], kind=data["piece"])')
    assert made_up(source)[0] == {"from": 1, "piece": "rook"}


def test_an_object_that_the_message_is_only_given_to_tells_nothing():
    classes = "class Room:\n    size: int\n\n    def __init__(self, name, size):\n        self.name = name\n"
    source = handler(classes, "data = json.loads(text)", 'Room(data["name"], 3)')
    assert made_up(source)[0] == {"name": "hello"}


def test_bytes_may_hold_json():
    source = handler(MOVE, "msgspec.json.decode(text, type=Move)").replace("_text()", "_bytes()")
    assert made_up(source)[0] == b'{"x": 1, "kind": "rook"}'


@pytest.mark.parametrize(
    "annotation, first",
    [
        ("Move", {"x": 1, "kind": "rook"}),
        ("list[Move]", [{"x": 1, "kind": "rook"}]),
        ("list[int]", [1]),
        ("dict[str, int]", {}),
    ],
)
def test_a_listener_takes_what_its_annotation_says(annotation: str, first: object):
    source = f"{MOVE}\nasync def handler(data: {annotation}) -> None:  # <-\n    print(data)\n"
    assert made_up(source, listener=True)[0] == first


def test_a_typed_dictionary_tells_the_types_of_its_keys():
    source = (
        f"{MOVE}\nasync def handler(socket):\n    data: Move = await socket.receive_json()  # <-\n"
    )
    assert made_up(source)[0] == {"x": 1, "kind": "rook"}
