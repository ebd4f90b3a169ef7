"""From an option's text to the value that it means; an InputError where it means none.

Only the text is judged here. Whether a server or a route exists is not this module's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import parse_qsl

Pair = tuple[str, str]


class InputError(ValueError):
    """A text that cannot be used, as one sentence.

    The sentence never repeats values of headers, cookies or queries.
    """


_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2: token
_OWN_HEADERS = {
    # RFC 6455, section 4.1: what the handshake itself consists of
    "connection": "wsdoctor's client sets it",
    "upgrade": "wsdoctor's client sets it",
    "sec-websocket-key": "wsdoctor's client sets it",
    "sec-websocket-version": "wsdoctor's client sets it",
    "sec-websocket-extensions": "wsdoctor's client sets it",
    "sec-websocket-protocol": "use --subprotocol",
}


def comma_separated(values: Iterable[str] | None) -> tuple[str, ...]:
    """The items of a repeatable option whose values may be lists themselves."""
    items = (item.strip() for value in values or () for item in value.split(","))
    return tuple(item for item in items if item)


def headers(values: Iterable[str] | None) -> tuple[Pair, ...]:
    """The (name, value) pairs of ``Name: value`` texts."""
    return tuple(map(_header, values or ()))


def _header(text: str) -> Pair:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _HEADER_NAME.fullmatch(name):
        raise InputError("a --header is written 'Name: value', with a colon after the name")
    if reason := _OWN_HEADERS.get(name.lower()):
        raise InputError(f"--header {name} cannot be given: {reason}")
    if any(character in value for character in "\r\n\0"):
        raise InputError(f"the value of --header {name} contains a line break or a null character")
    return name, value


def cookies(values: Iterable[str] | None) -> tuple[Pair, ...]:
    """The (name, value) pairs of ``name=value`` texts, or of ``a=1; b=2`` as a browser shows it."""
    parts = (part.strip() for text in values or () for part in text.split(";"))
    return tuple(_pair(part, "--cookie", "name=value") for part in parts if part)


def query(values: Iterable[str] | None) -> tuple[Pair, ...]:
    """The pairs of ``key=value`` texts, taken literally, or of query strings.

    A text with ``&`` in it or ``?`` before it is a query string, copied from a URL: it is
    percent-decoded.
    """
    pairs: list[Pair] = []
    for text in values or ():
        if text.startswith("?") or "&" in text:
            try:
                pairs += parse_qsl(text.lstrip("?"), keep_blank_values=True, strict_parsing=True)
            except ValueError:
                raise InputError(
                    "a --query is written key=value, or copied from a URL: 'a=1&b=2'"
                ) from None
        else:
            pairs.append(_pair(text, "--query", "key=value"))
    return tuple(pairs)


def path_params(values: Iterable[str] | None) -> tuple[Pair, ...]:
    """The (name, value) pairs of ``name=value`` texts."""
    return tuple(_pair(text, "--path-param", "name=value") for text in values or ())


def _pair(text: str, option: str, form: str) -> Pair:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise InputError(f"a {option} is written {form}, with an equals sign after the name")
    return name.strip(), value


def json_text(text: str, option: str = "--send-json") -> str:
    """``text`` itself, once it is known to be JSON."""
    import json

    try:
        json.loads(text)
    except ValueError as error:
        raise InputError(f"the value of {option} is not JSON: {error}") from None
    return text


def hexadecimal(text: str, option: str = "--send-bytes") -> str:
    """The bytes that ``text`` spells (spaces allowed), in canonical hexadecimal."""
    try:
        return bytes.fromhex(text.removeprefix("0x")).hex()
    except ValueError:
        raise InputError(
            f"the value of {option} is not hexadecimal: two digits for each byte, e.g. 'c0ff ee'"
        ) from None


def file_bytes(path: str, option: str) -> bytes:
    """The content of the file at ``path``."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"{option} cannot read {path!r}: {error.strerror or error}") from None


def workers(text: str) -> int:
    """The number of processes that ``text`` asks for; 0 for ``auto``."""
    if text.strip().lower() == "auto":
        return 0
    if not text.strip().isdecimal() or int(text) < 1:
        raise InputError(f"--workers takes a number of processes from 1 on, or auto, not {text!r}")
    return int(text)


def shard(text: str | None) -> tuple[int, int] | None:
    """The pair of ``m/n``: this share, and how many there are."""
    if text is None:
        return None
    number, slash, of = text.partition("/")
    if not slash or not number.strip().isdecimal() or not of.strip().isdecimal():
        raise InputError(f"--shard is written m/n, e.g. 1/4 for the first of four, not {text!r}")
    if not 1 <= int(number) <= int(of):
        raise InputError(
            f"--shard {text} cannot be: of {of.strip()} shards the first is 1, the last {of.strip()}"
        )
    return int(number), int(of)


MOST_GRACE = 100.0
"""Seconds: a handler is watched for 120, so a longer time of grace would hide every late end."""

MOST_ANSWER = 100.0
"""Seconds: virtual time keeps their pace, and a handler is watched for 120 of its seconds."""

MOST_SLEEP = 3600.0
"""Seconds of a step of a script."""

MOST_SECONDS = 604_800.0
"""A week, in seconds: a greater number is surely a mistake."""


def seconds(value: float, option: str, most: float = MOST_SECONDS) -> float:
    """``value``, once it is known to be a time, and not above ``most``."""
    if not 0 < value < float("inf"):
        raise InputError(f"{option} takes a number of seconds above 0")
    if value > most:
        raise InputError(f"{option} takes no more than {most:g} seconds, not {value:g}")
    return value
