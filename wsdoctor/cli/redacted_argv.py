"""The command line as it may be written into a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsdoctor.options.option import Option

REDACTED = "***"

_GRAMMAR = {"headers": ("", ":"), "cookies": (";", "="), "query": ("&", "=")}
"""The separators between the pairs of a secret, and within each."""


@cache
def _with_value() -> Mapping[str, Option]:
    """Every option that takes a value, by flag: the word behind one is not an option, whatever it looks like."""
    from wsdoctor.options.commands import GROUPS
    from wsdoctor.options.option import every_spelling

    return {
        flag: item for item in every_spelling(GROUPS) if item.takes_value for flag in item.flags
    }


@cache
def _short_flags() -> str:
    """The letters of the options without a value."""
    from wsdoctor.options.commands import GROUPS
    from wsdoctor.options.option import every_spelling

    switches = (item for item in every_spelling(GROUPS) if not item.takes_value)
    flags = ("-h", *(flag for item in switches for flag in item.flags))
    return "".join(flag[1] for flag in flags if not flag.startswith("--"))


class Invocation:
    """The arguments of this run of ``wsdoctor``."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = tuple(arguments)
        self._hidden: set[str] = set()

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on ``secrets`` are not to be written either: those of the settings."""
        self._hidden.update(secrets)

    def cleaned(self, text: str) -> str:
        """``text`` without the values that this command line gives, and without those given to ``hide``."""
        from urllib.parse import unquote_plus

        from wsdoctor.report.redaction import redact_text
        from wsdoctor.report.secrets import secrets_of

        found: dict[str, list[tuple[str, str]]] = {}
        for item, value in _options(iter(self.arguments)):
            if item.masked:
                found.setdefault(item.masked, []).extend(_pairs(item, value))
        # A handler may be given it with or without percent-encoding.
        query = found.pop("query", [])
        query += [(name, unquote_plus(value)) for name, value in query]
        hidden = (*self._hidden, *_unquoted(self.arguments))
        secrets = secrets_of(**found, query=query, hidden=hidden)
        return redact_text(text, secrets)

    def __str__(self) -> str:
        import shlex

        return shlex.join(["wsdoctor", *redact_command(self.arguments)])


def command_line(obj: object) -> str:
    """The command of a context's ``obj``, without secrets; empty if wsdoctor did not start it."""
    return str(obj) if isinstance(obj, Invocation) else ""


def hide(obj: object, secrets: Iterable[str]) -> None:
    """Tell the Invocation that a context's ``obj`` is, if wsdoctor started it, of more ``secrets``."""
    if isinstance(obj, Invocation):
        obj.hide(secrets)


def redact_command(arguments: Sequence[str]) -> list[str]:
    """``arguments`` without the values of headers, cookies and queries; names are kept.

    >>> redact_command(["check", "app:app", "-H", "Authorization: Bearer x", "--query=a=1&b=2"])
    ['check', 'app:app', '-H', 'Authorization: ***', '--query=a=***&b=***']
    """
    return list(_redacted(iter(arguments)))


def _redacted(arguments: Iterator[str]) -> Iterator[str]:
    for argument in arguments:
        if argument == "--":
            yield argument
            yield from arguments
            return
        option, attached = _split(argument)
        item = _with_value().get(option)
        if item is None:
            yield argument
        elif attached is not None:
            value = attached.removeprefix("=")
            yield argument.removesuffix(value) + _without_secret(item, value)
        else:
            yield argument
            if (following := next(arguments, None)) is not None:
                yield _without_secret(item, following)


def _options(arguments: Iterator[str]) -> Iterator[tuple[Option, str]]:
    """The options with a value among ``arguments``, with that."""
    for argument in arguments:
        if argument == "--":
            return
        option, attached = _split(argument)
        if (item := _with_value().get(option)) is not None:
            value = next(arguments, "") if attached is None else attached.removeprefix("=")
            yield item, value


def _unquoted(arguments: Sequence[str]) -> Iterator[str]:
    """Arguments after an unquoted header are its value."""
    headers = {flag for flag, item in _with_value().items() if item.masked == "headers"}
    behind = False
    for before, argument in pairwise(arguments):
        behind = not argument.startswith("-") and (
            behind or (argument.endswith(":") and before in headers)
        )
        if behind and not argument.endswith(":"):
            yield argument


def _split(argument: str) -> tuple[str, str | None]:
    """The option of ``argument``, and its value if it stands in the same word: ``=x``, or ``x``."""
    if argument.startswith("--"):
        option, equals, value = argument.partition("=")
        return option, equals + value if equals else None
    if argument.startswith("-"):
        letters = argument[1:].lstrip(_short_flags())  # -vH is -v -H
        return f"-{letters[:1]}", letters[1:] or None
    return "", None


def _parts(item: Option, value: str) -> tuple[str, list[str]]:
    """What of ``value`` stands before its secrets, and the pairs that hold these."""
    before = ""
    if item.masked_after:
        path, mark, value = value.partition(item.masked_after)
        before = path + mark
        if not mark:
            return before, []
    between, _ = _GRAMMAR[item.masked]
    return before, value.split(between) if between else [value]


def _pairs(item: Option, value: str) -> Iterator[tuple[str, str]]:
    """The names and secrets in ``value``."""
    _, parts = _parts(item, value)
    for part in parts:
        name, _, secret = part.partition(_GRAMMAR[item.masked][1])
        yield name.strip(), secret.strip()


def _without_secret(item: Option, value: str) -> str:
    if not item.masked:
        return value
    before, parts = _parts(item, value)
    between, equals = _GRAMMAR[item.masked]
    return before + between.join(_masked(part, equals) for part in parts)


def _masked(part: str, equals: str) -> str:
    name, found, _ = part.partition(equals)
    space = " " if equals == ":" else ""
    return f"{name}{equals}{space}{REDACTED}" if found else REDACTED
