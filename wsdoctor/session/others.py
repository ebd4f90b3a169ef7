"""Other clients: cases that differ from a given one only in what tells one client from the next.

All clients of a session have the same path, query and messages. So an entry under the name of a
user takes the place of the one before it, and nothing grows. An application has many users.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from msgspec.structs import replace

from wsdoctor.diagnosis.handshake import Names, names_read
from wsdoctor.recording.case import Case, SendStep, Step
from wsdoctor.recording.events import StackFrame
from wsdoctor.target.route import Route, concrete_path, values_in

_MOST = 6
"""Ways that are tried, one client each."""

_HEX = re.compile(r"[0-9a-f]{8,}|[0-9A-F]{8,}")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}")
_LETTERS = 26


@dataclass(frozen=True, slots=True)
class Disguise:
    """``what`` differs, in words; ``case(number)`` is the case of client ``number``, from 1 on."""

    what: str
    case: Callable[[int], Case]


def ways(
    case: Case, sources: Mapping[str, str], handler: StackFrame | None
) -> tuple[Disguise, ...]:
    """The ways in which another client can differ, the likeliest first; none if a driver connects."""
    if case.driver:
        return ()
    found = [*_by_path(case), *_by_query(case, _read(sources, handler)), *_by_message(case)]
    return tuple(found[:_MOST])


def named(case: Case, sources: Mapping[str, str], handler: StackFrame | None) -> tuple[Case, ...]:
    """``case`` with a client that says who it is: by all that the source reads, or by one part of it.

    That is a query parameter or a header that the client does not send, and for which the source has no
    value of its own. Without it such a client may be taken for a guest, of whom nothing is kept.
    """
    read = _read(sources, handler)
    given = {name for name, _ in parse_qsl(case.handshake.query, keep_blank_values=True)}
    given |= (values_in(Route(case.route), case.handshake.path) or {}).keys()
    own = {name.lower() for name, _ in case.handshake.headers} | _OF_THE_CLIENT
    query = {n: v for n, v in read.query.items() if n in read.unset and n not in given}
    headers = {
        name: value
        for name, value in read.headers.items()
        if name in read.unset and name.lower() not in own and not name.lower().startswith("sec-")
    }
    if case.driver or not (query or headers):
        return ()
    found = [_naming(case, query, headers)]
    if len(query) + len(headers) > 1:
        found += [_naming(case, {name: value}, {}) for name, value in query.items()]
        found += [_naming(case, {}, {name: value}) for name, value in headers.items()]
    return tuple(found[:_MOST])


_OF_THE_CLIENT = frozenset(
    {
        *("accept", "accept-encoding", "accept-language", "authorization", "cache-control"),
        *("connection", "content-type", "cookie", "forwarded", "host", "origin", "pragma"),
        *("referer", "upgrade", "user-agent", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"),
    }
)
"""Headers that say something else than who the client is, or what cannot be made up."""


def _naming(case: Case, query: Mapping[str, str], headers: Mapping[str, str]) -> Case:
    opening = case.handshake
    more = urlencode(query)
    return replace(
        case,
        handshake=replace(
            opening,
            query="&".join(filter(None, (opening.query, more))),
            headers=(*opening.headers, *headers.items()),
            made_up=(*query, *headers),
        ),
    )


def another(value: str, number: int) -> str:
    """A value of the same kind as ``value``: another one for each ``number`` from 1 to 25.

    A number stays one, as do a UUID and a hexadecimal id; a text keeps its length and its letters.
    """
    if _UUID.fullmatch(value) or _HEX.fullmatch(value):
        tail = value[-8:]
        more = (int(tail, 16) + number) % 16**8
        return value[:-8] + format(more, "08X" if tail.isupper() else "08x")
    if digits := re.search(r"[0-9]+$", value):
        more = int(digits[0]) + number
        return value[: digits.start()] + str(more).zfill(len(digits[0]))
    last = value[-1:]
    first = "A" if last.isupper() else "a"
    if not last.isascii() or not last.isalpha():
        return value + chr(ord("a") + number % _LETTERS)
    return value[:-1] + chr(ord(first) + (ord(last) - ord(first) + number) % _LETTERS)


def _read(sources: Mapping[str, str], handler: StackFrame | None) -> Names:
    """What the handler's file reads of the handshake."""
    return Names() if handler is None else names_read(sources.get(handler.file, ""), handler)


def _by_path(case: Case) -> Iterator[Disguise]:
    route = Route(case.route)
    values = values_in(route, case.handshake.path) or {}

    def other(names: Iterable[str], number: int) -> Case:
        changed = {name: another(values[name], number) for name in names}
        path = concrete_path(route, values | changed)
        return replace(case, handshake=replace(case.handshake, path=path))

    for names in _together_and_alone(values):
        yield Disguise(f"{_named(names)} in the path", functools.partial(other, names))


def _by_query(case: Case, read: Names) -> Iterator[Disguise]:
    given = dict(parse_qsl(case.handshake.query, keep_blank_values=True))
    in_path = values_in(Route(case.route), case.handshake.path) or {}
    values = {name: value for name, value in read.query.items() if name not in in_path} | given

    def other(names: Iterable[str], number: int) -> Case:
        changed = {name: another(values[name], number) for name in names}
        query = urlencode(given | changed)
        return replace(case, handshake=replace(case.handshake, query=query))

    for names in _together_and_alone(values):
        yield Disguise(f"{_named(names)} in the query", functools.partial(other, names))
    own = {name.lower(): value for name, value in case.handshake.headers}
    for name, value in read.headers.items():
        yield Disguise(
            f"the header `{name}`",
            functools.partial(_with_header, case, name, own.get(name.lower(), value)),
        )


def _with_header(case: Case, name: str, value: str, number: int) -> Case:
    others = (item for item in case.handshake.headers if item[0].lower() != name.lower())
    headers = (*others, (name, another(value, number)))
    return replace(case, handshake=replace(case.handshake, headers=headers))


def _by_message(case: Case) -> Iterator[Disguise]:
    place = next((i for i, step in enumerate(case.script) if isinstance(step, SendStep)), None)
    step = None if place is None else case.script[place]
    if place is None or not isinstance(step, SendStep) or not step.text:
        return
    before, text, after = case.script[:place], step.text, case.script[place + 1 :]
    try:
        message = json.loads(text)
    except ValueError:
        message = text
    if not isinstance(message, dict):
        yield Disguise(
            "the first message",
            lambda number: _saying(case, before, another(text, number), after),
        )
        return
    for name, value in message.items():
        if type(value) in {str, int}:
            yield Disguise(
                f"`{name}` in the first message",
                functools.partial(_with_key, case, before, message, name, after),
            )


def _with_key(  # noqa: PLR0917 - the parts of one script
    case: Case,
    before: tuple[Step, ...],
    message: Mapping[str, object],
    name: str,
    after: tuple[Step, ...],
    number: int,
) -> Case:
    value = message[name]
    other = value + number if isinstance(value, int) else another(str(value), number)
    return _saying(case, before, json.dumps({**message, name: other}), after)


def _saying(case: Case, before: tuple[Step, ...], text: str, after: tuple[Step, ...]) -> Case:
    return replace(case, script=(*before, SendStep(text=text), *after))


def _together_and_alone(values: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """All of the names, then each of them: one that says which resource it is may have to stay."""
    if values:
        yield tuple(values)
    if len(values) > 1:
        yield from ((name,) for name in values)


def _named(names: Iterable[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)
