"""What the source reads of a handshake, and what it has no value of its own for."""

from __future__ import annotations

import textwrap

import pytest

from wsdoctor.diagnosis.handshake import names_read
from wsdoctor.recording.events import StackFrame

HANDLER = StackFrame(file="app.py", line=2, function="handler", user=True, first_line=2)

QUERIES = {
    "parsed": 'user = parse_qs(scope["query_string"].decode())["user"][0]',
    "parsed, or nothing": 'user = parse_qs(scope["query_string"].decode()).get("user", [None])[0]',
    "parsed, or an empty text": 'user = parse_qs(scope["query_string"]).get(b"user", [b""])[0]',
    "under a name": 'query = dict(parse_qsl(scope["query_string"].decode()))\n    user = query.get("user")',
    "in two steps": 'text = scope["query_string"]\n    query = parse_qs(text)\n    user = query["user"]',
    "by a prefix": 'user = scope["query_string"].decode().partition("user=")[2]',
    "in a loop": 'for name, value in parse_qsl(scope["query_string"]):\n        if name == "user":\n            pass',
    "Starlette's class": 'user = QueryParams(scope["query_string"]).get("user")',
    "looked up": 'user = websocket.query_params["user"]',
    "looked up, or nothing": 'user = websocket.query_params.get("user") or new_id()',
    "Litestar's": 'params = socket.query_params\n    user = params.get("user")',
}

HEADERS = {
    "looked up": 'user = dict(scope["headers"])[b"x-user"]',
    "or nothing": 'headers = dict(scope["headers"])\n    user = headers.get(b"x-user", b"")',
    "in a loop": 'for name, value in scope["headers"]:\n        if name == b"x-user":\n            pass',
    "in an expression": 'user = next(value for name, value in scope["headers"] if name == b"x-user")',
    "Starlette's": 'user = websocket.headers.get("x-user")',
}


def read(body: str, arguments: str = "scope, receive, send", more: str = ""):
    source = f"\nasync def handler({arguments}):\n    {body}\n"
    return names_read(source + textwrap.dedent(more), HANDLER)


@pytest.mark.parametrize("body", QUERIES.values(), ids=QUERIES)
def test_a_query_parameter_that_is_read_is_known_by_its_name(body):
    names = read(body)
    assert (names.query, names.headers, names.unset) == ({"user": "x"}, {}, {"user"})


@pytest.mark.parametrize("body", HEADERS.values(), ids=HEADERS)
def test_so_is_a_header(body):
    names = read(body)
    assert (names.query, names.headers, names.unset) == ({}, {"x-user": "x"}, {"x-user"})


def test_a_function_may_read_the_query_for_the_handler():
    more = 'def query_of(scope):\n    return parse_qs(scope["query_string"].decode())\n'
    assert read('user = query_of(scope).get("user")', more=more).unset == {"user"}


@pytest.mark.parametrize(
    "body",
    [
        'user = parse_qs(scope["query_string"].decode()).get("user", ["ann"])[0]',
        'user = websocket.query_params.get("user", "ann")',
    ],
)
def test_what_the_source_has_a_value_for_is_not_missing(body):
    names = read(body)
    assert (names.query, names.unset) == ({"user": "ann"}, set())


@pytest.mark.parametrize(
    "arguments, query, headers, unset",
    [
        ("websocket, user: str", {"user": "x"}, {}, {"user"}),
        ("websocket, user: str | None = None", {"user": "x"}, {}, {"user"}),
        ("websocket, user: int = 7", {"user": "7"}, {}, set()),
        ('websocket, user: str = Query("ann")', {"user": "ann"}, {}, set()),
        ("websocket, x_user: str | None = Header(None)", {}, {"x-user": "x"}, {"x-user"}),
        ("websocket, user: str = Depends(known)", {}, {}, set()),
        ("data: str", {}, {}, set()),
    ],
)
def test_arguments_of_a_handler_are_read_from_the_query_or_the_headers(
    arguments, query, headers, unset
):
    names = read("pass", arguments)
    assert (names.query, names.headers, names.unset) == (query, headers, unset)


@pytest.mark.parametrize(
    "body",
    [
        'kind = scope["type"]',
        'user = json.loads(await websocket.receive_text()).get("user")',
        'rooms.get("user")',
        'scope.get("query_string", b"")',
    ],
)
def test_what_is_looked_up_elsewhere_is_none(body):
    names = read(body)
    assert not names.query
    assert not names.headers
