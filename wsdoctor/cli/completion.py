"""What a shell completes options with: (name, what it is) pairs, read without importing any app.

The values of repeatable options may be lists: what is completed is the item behind the last comma.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

Completions = list[tuple[str, str]]


def _items(named: Callable[[], Iterable[tuple[str, str]]]) -> Callable[[str], Completions]:
    """A completion for typer: the names that begin as the item being written does."""

    def complete(incomplete: str) -> Completions:
        before, comma, item = incomplete.rpartition(",")
        begun = before + comma
        return [(begun + name, what) for name, what in named() if name.startswith(item)]

    return complete


def _variants() -> Iterable[tuple[str, str]]:
    from wsdoctor.engine.catalogue import catalogue

    return ((variant.name, variant.title) for variant in catalogue())


def _servers() -> Iterable[tuple[str, str]]:
    from wsdoctor.plan.servers import SERVERS

    # The short names, too: bash takes a colon for the end of a word.
    short = ((server.short_name, server.summary) for server in SERVERS.values())
    full = ((server.name, server.summary) for server in SERVERS.values())
    return (*short, *full)


def _kinds() -> Iterable[tuple[str, str]]:
    from wsdoctor.plan.kinds import COMES_BACK, DEFAULT_KINDS, KINDS

    return (*zip(DEFAULT_KINDS, KINDS.values(), strict=True), *COMES_BACK.items())


def _moments() -> Iterable[tuple[str, str]]:
    from wsdoctor.plan.moments import MOMENTS

    return ((name.replace(":N", ":2"), words) for name, words in MOMENTS.items())


def _rules() -> Iterable[tuple[str, str]]:
    from wsdoctor.diagnosis.rules import RULES

    codes = ((rule.code, rule.summary) for rule in RULES.values())
    return (*codes, *((rule.name, rule.summary) for rule in RULES.values()))


def _formats() -> Iterable[tuple[str, str]]:
    from wsdoctor.report.formats import FORMATS

    return ((f"{name}=", what) for name, what in FORMATS.items())


variants = _items(_variants)
servers = _items(_servers)
kinds = _items(_kinds)
moments = _items(_moments)
rules = _items(_rules)
formats = _items(_formats)
