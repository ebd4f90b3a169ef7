"""``wsdoctor explain``: one rule, as a page."""

from __future__ import annotations

import shutil
import textwrap
from typing import Annotated, Literal

import typer

from wsdoctor.cli import completion
from wsdoctor.cli.errors import did_you_mean
from wsdoctor.settings.inputs import InputError

PAGE_WIDTH = 88

Framework = Literal["litestar", "starlette", "fastapi", "asgi"]


def explain(
    rule: Annotated[
        str,
        typer.Argument(
            metavar="RULE",
            help="A rule's code or name: WSD201, unhandled-disconnect.",
            autocompletion=completion.rules,
        ),
    ],
    *,
    framework: Annotated[
        Framework, typer.Option(help="Whose words the remedy is written in.")
    ] = "litestar",
) -> None:
    """Explain a rule: what it means, why it matters, when it is intended, how to fix it."""
    from wsdoctor.diagnosis.rules import RULES, find_rule
    from wsdoctor.diagnosis.setting import SETTINGS

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
    _code("Bad", found.bad)
    _shown(found.shown, width)
    _code("Fixed", found.fixed)
    said: set[str] = set()
    for setting in found.settings_for(framework):
        kind = f", {SETTINGS[setting]}" if setting else ""
        paragraphs = found.remedy_for(framework, setting).split("\n\n")
        new = [text for text in paragraphs if text[:1].isspace() or text not in said]
        said.update(new)
        _remedy(f"Remedy ({framework}{kind})", "\n\n".join(new), width)
    _section("When it may be intended", found.silence, width)
    _silence(found.code, width)
    print("\nRead on")
    for link in found.links_for(framework):
        print(f"  {link}")


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


def _shown(shown: dict[str, str], width: int) -> None:
    if not shown:
        return
    print("\nWhat each server shows of the bad example")
    for server, mark in shown.items():
        print(f"  {server:<28}{mark}")
    _prose(
        "logged: an error is in its log. masked: it happens, and the log says nothing. no: it does not "
        "happen there.",
        width,
    )


def _silence(code: str, width: int) -> None:
    print("\nHow to silence it")
    _prose("On the line that the finding names, or on the handler:", width)
    print(f"\n    # wsdoctor: ignore[{code}] reason\n")
    _prose(f"For one run: --ignore {code}. For the project, in pyproject.toml:", width)
    print(f'\n    [tool.wsdoctor]\n    ignore = ["{code}"]')


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
