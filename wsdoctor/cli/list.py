"""``wsdoctor list``: every name that the other commands take."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from typing import Annotated, Literal

import typer

Section = Literal["variants", "servers", "kinds", "moments", "rules"]
Row = tuple[str, str]


def list_(
    section: Annotated[Section | None, typer.Argument(show_default="all of them")] = None,
) -> None:
    """List the built-in variants, servers, kinds of disconnect, moments and rules."""
    sections = {
        "variants": _variants,
        "servers": _servers,
        "kinds": _kinds,
        "moments": _moments,
        "rules": _rules,
    }
    if section is not None:
        _print(sections[section]())
        return
    for number, (name, rows) in enumerate(sections.items()):
        print(f"\n{name.upper()}" if number else name.upper())
        _print(rows())


def _variants() -> list[Row]:
    from wsdoctor.explore.catalogue import catalogue

    rows = []
    for variant in catalogue():
        shows = f"shows {', '.join(variant.shows)}" if variant.shows else "shows nothing"
        twin = f"; fixed in {variant.fixed_twin}" if variant.fixed_twin else ""
        rows.append((variant.name, f"{variant.title.rstrip('.')} ({shows}{twin})"))
    return rows


def _servers() -> Iterable[Row]:
    from wsdoctor.plan.servers import SERVERS

    return SERVERS.items()


def _kinds() -> Iterable[Row]:
    from wsdoctor.plan.kinds import KINDS

    return KINDS.items()


def _moments() -> Iterable[Row]:
    from wsdoctor.plan.moments import MOMENTS

    return MOMENTS.items()


def _rules() -> list[Row]:
    from wsdoctor.diagnosis.rules import RULES

    return [(f"{rule.code} {rule.name}", rule.summary) for rule in RULES.values()]


def _print(rows: Iterable[Row]) -> None:
    """Names in one column, their meaning in another, wrapped to the terminal."""
    rows = list(rows)
    column = max((len(name) for name, _ in rows), default=0) + 4
    width = max(shutil.get_terminal_size().columns, column + 30)
    for name, meaning in rows:
        lines = textwrap.wrap(
            meaning, width - column, break_long_words=False, break_on_hyphens=False
        ) or [""]
        print(f"  {name:<{column - 2}}{lines[0]}".rstrip())
        for line in lines[1:]:
            print(" " * column + line)
