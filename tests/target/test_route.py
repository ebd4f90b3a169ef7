from __future__ import annotations

from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Optional
from uuid import UUID

import pytest

from wsdoctor.target import (
    Route,
    TargetError,
    check_own_params,
    check_params,
    concrete_host,
    concrete_path,
    select_routes,
)
from wsdoctor.target.parameter import PathParameter, annotated, declared, matching


def route(path: str, *, host: str = "", opaque: bool = False) -> Route:
    return Route(path, parameters=tuple(declared(host + path)), host=host, opaque=opaque)


LOBBY, ROOM, USER, FILES, FIXED = map(
    route,
    ("/ws", "/ws/{room:str}", "/users/{user:int}/{what}", "/files/{name:path}", "/ws/lobby"),
)
ALL = (LOBBY, ROOM, USER, FILES, FIXED)


@pytest.mark.parametrize(
    "path, values, concrete",
    [
        ("/ws", {}, "/ws"),
        ("/", {}, "/"),
        ("/ws/{room:str}", {}, "/ws/x"),
        ("/ws/{room}", {"room": "a b/c?ü"}, "/ws/a%20b%2Fc%3F%C3%BC"),
        ("/{n:int}/{f:float}/{u:uuid}", {}, "/1/1.0/00000000-0000-4000-8000-000000000001"),
        ("/{d:date}/{t:time}", {"d": "2020-02-02"}, "/2020-02-02/12:00:00"),
        ("/{ n : int }/end", {}, "/1/end"),
        ("/files/{p:path}", {"p": "a/b c"}, "/files/a/b%20c"),
        ("/räume/{r}", {}, "/r%C3%A4ume/x"),
        ("/@{who}", {"who": "me"}, "/@me"),
    ],
)
def test_concrete_path(path: str, values: dict[str, str], concrete: str) -> None:
    assert concrete_path(route(path), values) == concrete


def test_concrete_host() -> None:
    assert concrete_host(route("/ws", host="{tenant}.example.org"), {}) == "x.example.org"
    assert concrete_host(route("/ws"), {}) == ""


def test_parameters_that_no_route_has() -> None:
    with pytest.raises(TargetError, match="no route has a path parameter 'rom': there are"):
        check_params(ALL, {"room": "1", "rom": "2", "what": "3"})
    check_params((route("/", host="{tenant}.org"),), {"tenant": "a"})


def test_routes_of_the_settings_that_the_application_has_not() -> None:
    rooms = (route("/rooms/{room}"),)
    check_own_params(rooms, {"/rooms/{room}": {"room": "1"}})
    with pytest.raises(TargetError, match=r"name a route '/room/\{room\}' that the application"):
        check_own_params(rooms, {"/room/{room}": {}})
    with pytest.raises(TargetError, match="no route has a path parameter 'what'"):
        check_own_params(rooms, {"/rooms/{room}": {"what": "1"}})


@pytest.mark.parametrize(
    "wanted, selected",
    [
        ((), ALL),
        (("/ws",), (LOBBY,)),
        (("ws",), (LOBBY,)),
        (("/ws/{room:str}", "/ws"), (ROOM, LOBBY)),
        (("/ws", "/ws"), (LOBBY,)),
        (("/ws/lobby",), (FIXED,)),
    ],
)
def test_select(wanted: tuple[str, ...], selected: tuple[Route, ...]) -> None:
    assert select_routes(ALL, wanted) == selected


@pytest.mark.parametrize(
    "path, declared_path",
    [
        ("/ws/a", "/ws/{room:str}"),
        ("/ws/a%20b", "/ws/{room:str}"),
        ("/users/7/b", "/users/{user:int}/{what}"),
        ("/files/a/b/c", "/files/{name:path}"),
    ],
)
def test_a_concrete_path_selects_its_route_and_is_kept(path: str, declared_path: str) -> None:
    (selected,) = select_routes(ALL, (path,))
    assert selected.path == declared_path
    assert concrete_path(selected, {}) == path


def test_values_of_one_route_may_be_selected_twice() -> None:
    selected = select_routes(ALL, ("/ws/a", "/ws/b"))
    assert [concrete_path(route, {}) for route in selected] == ["/ws/a", "/ws/b"]


def test_what_cannot_be_looked_into_takes_any_path_below() -> None:
    mount = route("/socket.io", opaque=True)
    (selected,) = select_routes((LOBBY,), ("/socket.io/",), (mount,))
    assert (selected.path, selected.opaque) == ("/socket.io/", False)
    (selected,) = select_routes((route("/", opaque=True),), ("/a%20b",))
    assert concrete_path(selected, {}) == "/a%20b"
    with pytest.raises(TargetError):
        select_routes((LOBBY,), ("/socket.iox",), (mount,))


@pytest.mark.parametrize(
    "routes, wanted, says",
    [
        (ALL, "/wss", "there is no WebSocket route '/wss': did you mean '/ws'? the routes are /ws"),
        (ALL, "/users/x/b", "there is no WebSocket route '/users/x/b'"),
        (ALL, "/zzz", "there is no WebSocket route '/zzz': the routes are /ws, /ws/{room:str}, "),
        ((), "/ws", "there is no WebSocket route '/ws': the app has no WebSocket route"),
        (ALL, "/w?token=1", "path '/w?token=1' has a query: give that with --query"),
        (tuple(route(f"/r{n}") for n in range(30)), "/no", "there is no WebSocket route '/no'"),
    ],
)
def test_select_error(routes: tuple[Route, ...], wanted: str, says: str) -> None:
    with pytest.raises(TargetError) as caught:
        select_routes(routes, (wanted,))
    assert str(caught.value).startswith(says)
    assert len(str(caught.value)) < 200


class Colour(Enum):
    RED = "red"


class Level(int, Enum):
    LOW = 3


@pytest.mark.parametrize(
    "annotation, kind, example",
    [
        (int, "int", "1"),
        (bool, "bool", "true"),
        (Decimal, "decimal", "1.0"),
        (UUID, "uuid", "00000000-0000-4000-8000-000000000001"),
        (Annotated[int, "ge=5"], "int", "1"),
        (Optional[int], "int", "1"),  # noqa: UP045 - people write it
        (int | None, "int", "1"),
        (Literal["b", "a"], "choice", "b"),
        (Colour, "choice", "red"),
        (Level, "choice", "3"),
    ],
)
def test_annotated(annotation: Any, kind: str, example: str) -> None:
    assert annotated("p", annotation) == PathParameter("p", kind, example)


@pytest.mark.parametrize("annotation", [None, "int", object, list[int], Any])
def test_annotation_that_tells_nothing(annotation: Any) -> None:
    assert annotated("p", annotation) is None


@pytest.mark.parametrize(
    "regex, example",
    [("[0-9]+", "1"), ("[a-z]", "x"), (r"\d{4}-\d\d-\d\d", "2024-01-01"), ("ä", "x")],
)
def test_a_converter_of_the_users_own_gets_what_it_takes(regex: str, example: str) -> None:
    assert matching("p", "own", regex).example == example
