"""``wsdoctor explain``: one rule, as a page."""

from __future__ import annotations

import shutil
import textwrap
from typing import Annotated, Literal

import typer

from wsdoctor.cli.errors import InputError, did_you_mean

PAGE_WIDTH = 88

Framework = Literal["litestar", "starlette", "fastapi", "asgi"]


def explain(
    rule: Annotated[
        str,
        typer.Argument(metavar="RULE", help="A rule's code or name: WSD201, unhandled-disconnect."),
    ],
    *,
    framework: Annotated[
        Framework, typer.Option(help="Whose words the remedy is written in.")
    ] = "litestar",
) -> None:
    """Explain a rule: what it means, why it matters, when it is intended, how to fix it."""
    from wsdoctor.diagnosis.rules import RULES, find_rule

    found = find_rule(rule) or find_rule(rule.upper()) or find_rule(rule.lower())
    if found is None:
        known = [*RULES, *(known.name for known in RULES.values())]
        candidate = rule.upper() if rule[:1].lower() == "w" else rule.lower()
        raise InputError(
            f"there is no rule {rule!r}{did_you_mean(candidate, known)}; see: wsdoctor list rules"
        )
    width = min(shutil.get_terminal_size().columns, PAGE_WIDTH)
    print(f"{found.code} {found.name}")
    _prose(f"It happened when: {found.summary}", width)
    _section("Why it matters", found.why, width)
    _section("When it may be intended", found.silence, width)
    _code("Bad", found.bad)
    _code("Fixed", found.fixed)
    _remedy(f"Remedy ({framework})", found.remedy_for(framework), width)


def _section(title: str, text: str, width: int) -> None:
    if text.strip():
        print(f"\n{title}")
        for paragraph in text.strip().split("\n\n"):
            _prose(" ".join(paragraph.split()), width)


def _prose(text: str, width: int) -> None:
    indent = "  "
    print(
        textwrap.fill(
            text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False
        )
    )


def _code(title: str, source: str) -> None:
    if source.strip():
        print(f"\n{title}")
        print(textwrap.indent(textwrap.dedent(source).strip("\n"), "    "))


def _remedy(title: str, text: str, width: int) -> None:
    """Prose is wrapped; indented lines between it are code."""
    print(f"\n{title}")
    for line in text.strip("\n").splitlines():
        if line[:1].isspace():
            print(f"  {line}".rstrip())
        else:
            _prose(line, width)
