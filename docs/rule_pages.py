"""A Sphinx extension that writes a page for each rule, with the text of ``wsdoctor explain``.

The pages are written to ``docs/rules/`` before Sphinx reads its sources. Git ignores that folder.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from wsdoctor.cli.rule_page import (
    FRAMEWORKS,
    MARK,
    CellResult,
    Code,
    Lines,
    Links,
    Prose,
    Section,
    sections,
)
from wsdoctor.diagnosis.rules import RULES

if TYPE_CHECKING:
    from sphinx.application import Sphinx

    from wsdoctor.diagnosis.rule import Rule

CATALOGUE = "rules"
"""The document that lists all rules; their pages are in the folder of the same name."""

_CODE = re.compile(r"(`[^`]*`)")
_SPECIAL = re.compile(r"([\\*_<>\[\]$#|~])")
_ROW = re.compile(r"^\| (WSD\d{3}) \|", re.MULTILINE)


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", _write)
    app.connect("source-read", _link)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def pages() -> dict[str, str]:
    """The Markdown source of each rule's page, by code."""
    return {rule.code: page(rule) for rule in RULES.values()}


def page(rule: Rule) -> str:
    """The Markdown source of one rule's page."""
    parts = [f"# {rule.code} {rule.name}"]
    for section in sections(rule, FRAMEWORKS):
        parts.extend(_section(section))
    return "\n\n".join(parts) + "\n"


def _write(app: Sphinx) -> None:
    """Write each page; one that has not changed keeps its time, so that Sphinx does not read it again."""
    folder = Path(app.srcdir) / CATALOGUE
    folder.mkdir(exist_ok=True)
    for code, text in pages().items():
        path = folder / f"{code}.md"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _link(_: Sphinx, document: str, source: list[str]) -> None:
    """Point links to the README at the site's first page; link the catalogue to the pages of the rules."""
    source[0] = source[0].replace("](../README.md#", "](index.md#")
    if document == CATALOGUE:
        linked = _ROW.sub(rf"| [\1]({CATALOGUE}/\1.md) |", source[0])
        entries = "\n".join(f"{CATALOGUE}/{code}" for code in RULES)
        source[0] = f"{linked}\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"


def _section(section: Section) -> list[str]:
    title = [f"## {_escaped(section.title)}"] if section.title else []
    return [*title, *map(_part, section.parts)]


def _part(part: CellResult) -> str:
    match part:
        case Prose(text):
            return _escaped(text)
        case Code(source, language):
            return _block(source, language)
        case Lines(lines):
            return _block("\n".join(lines), "text")
        case Links(addresses):
            return "\n".join(f"- <{address}>" for address in addresses)


def _block(source: str, language: str) -> str:
    """A block of source, with the marked line emphasised."""
    marked = [number for number, line in enumerate(source.splitlines(), 1) if MARK in line]
    options = f":emphasize-lines: {marked[0]}\n\n" if marked else ""
    return f"```{{code-block}} {language}\n{options}{source}\n```"


def _escaped(text: str) -> str:
    """``text`` with what Markdown would take for markup escaped, except code in backticks."""
    parts = _CODE.split(text)
    return "".join(part if part.startswith("`") else _SPECIAL.sub(r"\\\1", part) for part in parts)
