"""The command line as it may be written into a report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

REDACTED = "***"

_SEPARATED = {"-H": ":", "--header": ":", "--cookie": "=", "--query": "="}
"""Options whose value is a secret behind this character."""

_WITH_VALUE = frozenset(
    {
        *_SEPARATED,
        *(
            "--ws",
            "--disconnect",
            "--at",
            "--clock",
            "--depth",
            "--driver",
            "--grace",
            "--startup-time",
            "--answer-time",
            "--variant",
        ),
        *("--workers", "-w", "--shard", "--max-time", "--confirm", "--confirm-time"),
        *("--select", "--ignore", "--baseline", "--config", "--target"),
        *("--code", "--emit", "--output", "-o"),
        *("--path", "--path-param", "--probe", "--subprotocol", "--app-dir", "--fail-on"),
        *("--send", "--send-json", "--send-bytes", "--send-file", "--script"),
        *("--format", "--report", "--framework"),
    }
)
"""Every option that takes a value (a test compares them with the commands): what stands behind one
is not an option, whatever it looks like."""

_SHORT_FLAGS = "hv"


class Invocation:
    """The arguments of this run of ``wsdoctor``."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = tuple(arguments)
        self._hidden: set[str] = set()

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on ``secrets`` are not to be written either: those of the settings."""
        self._hidden.update(secrets)

    def cleaned(self, text: str) -> str:
        """``text`` without the values that this command line gives, and what ``hide`` was told."""
        from urllib.parse import unquote_plus

        from wsdoctor.report.redaction import redact_text
        from wsdoctor.report.secrets import secrets_of

        given = [*_options(iter(self.arguments))]
        secrets = secrets_of(
            headers=(_pair(value, ":") for option, value in given if option in {"-H", "--header"}),
            cookies=(
                _pair(pair, "=")
                for option, value in given
                if option == "--cookie"
                for pair in value.split(";")
            ),
            query=(
                (name, form)
                for option, value in given
                if option in {"--query", "--path"}
                for pair in value.rpartition("?")[2].split("&")
                if option == "--query" or "?" in value
                for name, text in [_pair(pair, "=")]
                for form in (text, unquote_plus(text))
            ),
            hidden=(*self._hidden, *_unquoted(self.arguments)),
        )
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
        if option not in _WITH_VALUE:
            yield argument
        elif attached is not None:
            value = attached.removeprefix("=")
            yield argument.removesuffix(value) + _without_secret(option, value)
        else:
            yield argument
            if (following := next(arguments, None)) is not None:
                yield _without_secret(option, following)


def _options(arguments: Iterator[str]) -> Iterator[tuple[str, str]]:
    """The options with a value among ``arguments``, with that."""
    for argument in arguments:
        if argument == "--":
            return
        option, attached = _split(argument)
        if option in _WITH_VALUE:
            value = next(arguments, "") if attached is None else attached.removeprefix("=")
            yield option, value


def _unquoted(arguments: Sequence[str]) -> Iterator[str]:
    """What stands behind a header without a value: its value, for somebody forgot the quotes."""
    behind = False
    for before, argument in pairwise(arguments):
        behind = not argument.startswith("-") and (
            behind or (argument.endswith(":") and before in {"-H", "--header"})
        )
        if behind and not argument.endswith(":"):
            yield argument


def _pair(text: str, between: str) -> tuple[str, str]:
    name, _, value = text.partition(between)
    return name.strip(), value.strip()


def _split(argument: str) -> tuple[str, str | None]:
    """The option of ``argument``, and its value if it stands in the same word: ``=x``, or ``x``."""
    if argument.startswith("--"):
        option, equals, value = argument.partition("=")
        return option, equals + value if equals else None
    if argument.startswith("-"):
        letters = argument[1:].lstrip(_SHORT_FLAGS)  # -vH is -v -H
        return f"-{letters[:1]}", letters[1:] or None
    return "", None


def _without_secret(option: str, value: str) -> str:
    if option == "--path":
        path, mark, query = value.partition("?")
        return path + mark + _masked_pairs(query, "&", "=") if mark else value
    if option not in _SEPARATED:
        return value
    if option == "--query":
        return _masked_pairs(value, "&", "=")
    if option == "--cookie":
        return _masked_pairs(value, ";", "=")
    name, colon, _ = value.partition(":")
    return f"{name}: {REDACTED}" if colon else REDACTED


def _masked_pairs(text: str, between: str, equals: str) -> str:
    return between.join(_masked(pair, equals) for pair in text.split(between))


def _masked(pair: str, equals: str) -> str:
    name, found, _ = pair.partition(equals)
    return f"{name}{equals}{REDACTED}" if found else REDACTED
