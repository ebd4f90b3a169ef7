"""What an option's text means, and the sentence if it means nothing."""

from __future__ import annotations

import pytest

from wsdoctor.options import parse
from wsdoctor.options.parse import InputError


@pytest.mark.parametrize(
    "given, pairs",
    [
        ([], ()),
        (["Authorization: Bearer a:b"], (("Authorization", "Bearer a:b"),)),
        (["X-Empty:"], (("X-Empty", ""),)),
        (["a:1", "A: 2"], (("a", "1"), ("A", "2"))),
    ],
)
def test_headers(given, pairs):
    assert parse.headers(given) == pairs


@pytest.mark.parametrize(
    "given, sentence",
    [
        ("Authorization hunter2", "with a colon after the name"),
        (": hunter2", "with a colon after the name"),
        ("bad name: hunter2", "with a colon after the name"),
        ("X: hunter2\r\nY: 1", "line break"),
        ("Sec-WebSocket-Protocol: hunter2", "use --subprotocol"),
        ("upgrade: hunter2", "client sets it"),
    ],
)
def test_wrong_headers(given, sentence):
    with pytest.raises(InputError, match=sentence) as caught:
        parse.headers([given])
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "given, pairs",
    [
        (["a=1"], (("a", "1"),)),
        (["a=1=2"], (("a", "1=2"),)),
        (["a=1; b=2;"], (("a", "1"), ("b", "2"))),
    ],
)
def test_cookies(given, pairs):
    assert parse.cookies(given) == pairs


@pytest.mark.parametrize(
    "given, pairs",
    [
        (["k=v"], (("k", "v"),)),
        (["k=a+b%20c=="], (("k", "a+b%20c=="),)),
        (["a=1&b=x%20y+z"], (("a", "1"), ("b", "x y z"))),
        (["?a=%2B"], (("a", "+"),)),
        (["a=", "b=&c=1"], (("a", ""), ("b", ""), ("c", "1"))),
    ],
)
def test_queries(given, pairs):
    assert parse.query(given) == pairs


@pytest.mark.parametrize("reader", [parse.cookies, parse.query, parse.path_params])
@pytest.mark.parametrize("given", ["hunter2", "=hunter2"])
def test_wrong_pairs(reader, given):
    with pytest.raises(InputError, match="with an equals sign after the name") as caught:
        reader([given])
    assert "hunter2" not in str(caught.value)


def test_a_wrong_query_string():
    with pytest.raises(InputError, match="copied from a URL") as caught:
        parse.query(["a=1&hunter2"])
    assert "hunter2" not in str(caught.value)


def test_path_params():
    assert parse.path_params(["room=a b", "id=1"]) == (("room", "a b"), ("id", "1"))


@pytest.mark.parametrize(
    "given, items",
    [(None, ()), (["a", "b,c"], ("a", "b", "c")), ([" a , ,b"], ("a", "b")), ([","], ())],
)
def test_comma_separated(given, items):
    assert parse.comma_separated(given) == items


@pytest.mark.parametrize("given", ["c0ffee", "C0 ff ee", "0xc0ffee"])
def test_hexadecimal(given):
    assert parse.hexadecimal(given) == "c0ffee"


@pytest.mark.parametrize("given", ["c0f", "coffee", "0x0"])
def test_wrong_hexadecimal(given):
    with pytest.raises(InputError, match="two digits for each byte"):
        parse.hexadecimal(given)


@pytest.mark.parametrize("given", [0, -1, float("inf"), float("nan")])
def test_wrong_seconds(given):
    with pytest.raises(InputError, match="a number of seconds above 0"):
        parse.seconds(given, "--grace")


def test_absurd_seconds():
    assert parse.seconds(1e5, "--max-time") == 1e5
    for given, most in ((1e9, parse.MOST_SECONDS), (101.0, parse.MOST_GRACE)):
        with pytest.raises(InputError, match="no more than"):
            parse.seconds(given, "--grace", most)
