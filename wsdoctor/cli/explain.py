"""``wsdoctor explain``: one rule, as a page."""

from __future__ import annotations

import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from wsdoctor.cli import completion
from wsdoctor.cli.errors import did_you_mean
from wsdoctor.cli.parameters import with_options
from wsdoctor.options.commands import ExplainOptions, Framework
from wsdoctor.options.parse import InputError

if TYPE_CHECKING:
    from wsdoctor.cli.rule_page import CellResult
    from wsdoctor.diagnosis.rule import Rule
    from wsdoctor.triage.causes import LogCause

PAGE_WIDTH = 88


@with_options("explain")
def explain(
    rule: Annotated[
        list[str],
        typer.Argument(
            metavar="RULE|TEXT",
            help="A rule's code or name (WSD201, unhandled-disconnect), or what a log says: a message, "
            "the last line of a traceback, or all of it.",
            autocompletion=completion.rules,
        ),
    ],
    chosen: ExplainOptions,
) -> None:
    """Explain a rule: what it means, why it matters, when it is intended, how to fix it.

    For a text of a log: which rules may be its cause, and which command finds out.
    """
    rules = [_rule(word) for word in rule]
    found = [known for known in rules if known is not None]
    if len(found) == len(rules):
        for number, known in enumerate(found):
            if number:
                print("\n")
            _page(known, chosen.framework)
        return
    text = " ".join(rule)
    if not _explain_text(text):
        raise InputError(_unknown(text))


def _rule(word: str) -> Rule | None:
    from wsdoctor.diagnosis.rules import find_rule

    return find_rule(word)


def _unknown(text: str) -> str:
    from wsdoctor.diagnosis.rules import RULES
    from wsdoctor.triage.signatures import near

    if not any(map(str.isspace, text)) and ":" not in text:
        known = [*RULES, *(rule.name for rule in RULES.values())]
        candidate = text.upper() if text[:1].lower() == "w" else text.lower()
        return (
            f"there is no rule {text!r}{did_you_mean(candidate, known)}; see: wsdoctor list rules"
        )
    line = next((line for line in reversed(text.splitlines()) if line.strip()), text).strip()
    close = [
        f"{_shortened(signature.example)} ({code})"
        for signature in near(line)
        for code in signature.codes[:1]
        if code in RULES
    ]
    hint = f"; the nearest that is known: {', '.join(close)}" if close else ""
    return (
        f"no rule matches this text: {_shortened(line)}{hint}; for a traceback or a log: "
        "wsdoctor triage LOGFILE"
    )


def _shortened(line: str) -> str:
    return repr(line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…")


_LONGEST = 100
"""Characters of a text that are repeated to the user."""


def _explain_text(text: str) -> bool:
    """Print what ``text`` can be a case of; false if it is like nothing that is known."""
    import io

    from wsdoctor.cli.triage import advised, placeholder_note, triaged
    from wsdoctor.triage.causes import spoken
    from wsdoctor.triage.reader import incidents

    found = triaged(incidents(io.BytesIO(text.encode(errors="replace"))))
    shown = found.causes or [cause for cause in found.possible if cause.file]
    if not shown:
        found = advised(spoken(text))
        shown = found.causes or found.possible
    for number, cause in enumerate(shown):
        if number:
            print("\n")
        _cause(cause, sure=bool(found.causes))
    if note := placeholder_note(shown):
        print(f"\n{note}")
    return bool(shown)


def _cause(cause: LogCause, *, sure: bool) -> None:
    from wsdoctor.cli.triage import origin_of, place_of, say
    from wsdoctor.diagnosis.rules import RULES

    width = min(shutil.get_terminal_size().columns, PAGE_WIDTH)
    say(cause.raised, *([f"  at {place_of(cause)}"] if cause.file else []))
    say(*(f"  {line}" for line in origin_of(cause)))
    _prose(f"{cause.means[:1].upper()}{cause.means[1:]}.", width)
    it = "It" if sure else "If a WebSocket connection of your ASGI application is concerned, it"
    what = "can be one of these, the likeliest first:" if cause.others else "is probably"
    print(f"\n{it} {what}")
    for code in (cause.code, *cause.others):
        rule = RULES[code]
        _prose(f"{code} {rule.name}: {rule.summary}", width)
    print("\nNext")
    say(*(f"  {command}" for command in cause.commands))


def _page(found: Rule, framework: Framework) -> None:
    from wsdoctor.cli.rule_page import sections

    width = min(shutil.get_terminal_size().columns, PAGE_WIDTH)
    print(f"{found.code} {found.name}")
    for section in sections(found, [framework]):
        if section.title:
            print(f"\n{section.title}")
        for number, part in enumerate(section.parts):
            if number:
                print()
            _part(part, width)


def _part(part: CellResult, width: int) -> None:
    from wsdoctor.cli.rule_page import Code, Lines, Links, Prose

    match part:
        case Prose(text):
            _prose(text, width)
        case Code(source):
            print(textwrap.indent(source, "    "))
        case Lines(lines) | Links(lines):
            print(textwrap.indent("\n".join(lines), "  "))


def _prose(text: str, width: int) -> None:
    indent = "  "
    print(
        textwrap.fill(
            text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False
        )
    )
