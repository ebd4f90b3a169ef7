"""What a rule's page says, in sections: ``explain`` prints them, and ``docs/rule_pages.py`` makes a web page of them."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from wsdoctor.diagnosis.remedy_context import SETTINGS
from wsdoctor.diagnosis.rule import DOCUMENTATION, Rule
from wsdoctor.triage.signatures import SIGNATURES

FRAMEWORKS = tuple(DOCUMENTATION)
"""The frameworks that a remedy can be written for."""

MARK = "# <- here"
"""The comment on the line of a bad example that the rule finds."""


@dataclass(frozen=True)
class Prose:
    """A paragraph in one line, with code in backticks."""

    text: str


@dataclass(frozen=True)
class Code:
    """A piece of source, without indentation."""

    source: str
    language: str = "python"


@dataclass(frozen=True)
class Lines:
    """Text that keeps its line breaks."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Links:
    """Addresses of further reading."""

    addresses: tuple[str, ...]


CellResult = Prose | Code | Lines | Links


@dataclass(frozen=True)
class Section:
    """Parts below a title; the first section of a page has none."""

    title: str
    parts: tuple[CellResult, ...]


def sections(rule: Rule, frameworks: Sequence[str]) -> list[Section]:
    """The sections of the page of ``rule``, with remedies and links for ``frameworks``."""
    known = [
        Section("", (Prose(f"It happened when: {rule.summary}"),)),
        Section("Why it matters", _prose(rule.why)),
        Section("What a log may say", _log(rule.code)),
        Section("Bad", _code(rule.bad)),
        Section("What each server shows of the bad example", _shown(rule.shown)),
        Section("Fixed", _code(rule.fixed)),
        *_remedies(rule, frameworks),
        Section("When it may be intended", _prose(rule.silence)),
        Section("How to silence it", _silence(rule.code)),
        Section("Read on", _links(rule, frameworks)),
    ]
    return [section for section in known if section.parts]


def _prose(text: str) -> tuple[CellResult, ...]:
    """The parts of ``text``: paragraphs, and indented code between them."""
    parts: list[CellResult] = []
    paragraphs = text.strip("\n").split("\n\n") if text.strip() else []
    for is_code, run in groupby(paragraphs, key=lambda paragraph: paragraph[:1].isspace()):
        if is_code:
            parts.append(Code(textwrap.dedent("\n\n".join(run))))
        else:
            parts.extend(Prose(paragraph) for paragraph in run)
    return tuple(parts)


def _code(source: str) -> tuple[CellResult, ...]:
    return (Code(source.strip("\n")),) if source.strip() else ()


def _log(code: str) -> tuple[CellResult, ...]:
    """What software prints that most likely means this rule, as ``triage`` looks for it."""
    texts = tuple(signature.example for signature in SIGNATURES if signature.codes[0] == code)
    return (Lines(texts),) if texts else ()


def _shown(shown: dict[str, str]) -> tuple[CellResult, ...]:
    if not shown:
        return ()
    return (
        Lines(tuple(f"{server:<28}{mark}" for server, mark in shown.items())),
        Prose(
            "`logged`: an error is in its log. `masked`: it happens, and the log says nothing. `no`: it does "
            "not happen there."
        ),
    )


def _remedies(rule: Rule, frameworks: Sequence[str]) -> Iterable[Section]:
    """A section for each remedy; frameworks that have the same one share it.

    A page for one framework has no paragraph twice. On a page for several, each remedy is complete.
    """
    whose: dict[tuple[str, tuple[CellResult, ...]], list[str]] = {}
    for framework in frameworks:
        said: set[CellResult] = set()
        for setting in rule.settings_for(framework):
            parts = _prose(rule.remedy_for(framework, setting))
            if len(frameworks) == 1:
                parts = tuple(part for part in parts if part not in said)
                said.update(part for part in parts if isinstance(part, Prose))
            whose.setdefault((setting, parts), []).append(framework)
    for (setting, parts), sharing in whose.items():
        names = "any framework" if len(sharing) == len(FRAMEWORKS) else ", ".join(sharing)
        kind = f", {SETTINGS[setting]}" if setting else ""
        yield Section(f"Remedy ({names}{kind})", parts)


def _silence(code: str) -> tuple[CellResult, ...]:
    return (
        Prose("On the line that the finding names, or on the handler:"),
        Code(f"# wsdoctor: ignore[{code}] reason"),
        Prose(f"For one run: `--ignore {code}`. For the project, in `pyproject.toml`:"),
        Code(f'[tool.wsdoctor]\nignore = ["{code}"]', "toml"),
    )


def _links(rule: Rule, frameworks: Sequence[str]) -> tuple[CellResult, ...]:
    found = [link for framework in frameworks for link in rule.links_for(framework)]
    return (Links(tuple(dict.fromkeys(found))),)
