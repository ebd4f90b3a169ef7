"""Texts that a report must not contain: the values that the user gave, and their encoded forms.

An application, its framework or a log may write a value percent-encoded, in base64, in hexadecimal, or
as a Python or JSON string. Each of these forms reveals the value.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus, unquote

SHORTEST_SECRET = 4
"""Shorter values (``1``, ``yes``) hide nothing and would blank out half of a report."""

_SHORTEST_CODED = 6
"""Minimum length of a base64 match; shorter strings occur in ordinary text."""

_CREDENTIALS = frozenset({"authorization", "proxy-authorization"})

Pairs = Iterable[tuple[str, str]]


def secrets_of(
    headers: Pairs = (), cookies: Pairs = (), query: Pairs = (), hidden: Iterable[str] = ()
) -> tuple[str, ...]:
    """The texts that a report must not contain, the longest first.

    For a header like ``Bearer TOKEN`` these are the value and the token; for ``Basic`` also the user's
    name and password; for ``Cookie`` each cookie. ``hidden`` are more such values.
    """
    values = {
        *(part for name, value in headers for part in _parts(name, value)),
        *(part for _, value in cookies for part in (value, unquote(value))),
        *(value for _, value in query),
        *hidden,
    }
    found = {form for value in values if len(value) >= SHORTEST_SECRET for form in _forms(value)}
    return tuple(sorted(found, key=lambda form: (-len(form), form)))


def _parts(name: str, value: str) -> Iterator[str]:
    """What of a header's ``value`` is a secret by itself."""
    yield value
    yield value.rpartition(" ")[2]
    if name.lower() == "cookie":
        for pair in value.split(";"):
            cookie = pair.partition("=")[2].strip()
            yield from (cookie, unquote(cookie))
    elif name.lower() in _CREDENTIALS:  # RFC 9110, section 11.4: a scheme, and what belongs to it
        scheme, _, rest = value.partition(" ")
        yield rest
        # The value of a parameter: the quoted text, or the text after the equals sign.
        yield from (
            quoted or plain for quoted, plain in re.findall(r'="([^"]*)"|=([^\s,"]+)', rest)
        )
        if scheme.lower() == "basic":
            yield from _basic(rest)


def _basic(credentials: str) -> Iterator[str]:
    """The name and the password, which base64 does not protect (RFC 7617)."""
    try:
        decoded = b64decode(credentials, validate=True).decode()
    except (Base64Error, ValueError):
        return
    user, _, password = decoded.partition(":")
    yield from (decoded, user, password)


def _forms(value: str) -> Iterator[str]:
    """``value``, and what it becomes on its way through an application."""
    data = value.encode()
    yield value
    for form in (quote(value), quote(value, safe=""), quote_plus(value)):
        yield form
        yield re.sub("%..", lambda escape: escape[0].lower(), form)
    yield repr(value)[1:-1]
    yield repr(data)[2:-1]
    yield json.dumps(value)[1:-1]
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield from (form for form in _coded(data) if len(form) >= _SHORTEST_CODED)


def _coded(data: bytes) -> Iterator[str]:
    yield data.hex()
    for letters in (b"+/", b"-_"):
        yield b64encode(data, letters).decode().rstrip("=")
        # Inside of a longer text its letters depend on where it stands in a group of three bytes; those
        # that it shares with its neighbours are left out.
        for before in range(3):
            text = b64encode(bytes(before) + data, letters).decode()
            yield text[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
