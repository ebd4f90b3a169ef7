"""``wsdoctor list``: every name that the other commands take."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from wsdoctor.engine.catalogue import Variant

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
    from wsdoctor.engine.catalogue import catalogue

    rows = []
    for variant in catalogue():
        twin = f"; fixed in {variant.fixed_twin}" if variant.fixed_twin else ""
        rows.append((variant.name, f"{variant.title.rstrip('.')} ({_shows(variant)}{twin})"))
    return rows


def _shows(variant: Variant) -> str:
    if variant.shows_in_sweep:
        also = f"shows {', '.join(variant.shows)}, and " if variant.shows else "shows "
        return f"{also}{', '.join(variant.shows_in_sweep)} only in a sweep"
    return f"shows {', '.join(variant.shows) or 'nothing'}"


def _servers() -> Iterable[Row]:
    from wsdoctor.plan.servers import SERVERS

    return [(server.name, server.summary) for server in SERVERS.values()]


def _kinds() -> Iterable[Row]:
    from wsdoctor.plan.kinds import COMES_BACK, KINDS, WITH_BYSTANDER

    return (KINDS | COMES_BACK | WITH_BYSTANDER).items()


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
