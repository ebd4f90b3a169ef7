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

    Of a text that is no rule: which rules can stand behind it, and which command finds out.
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
    from wsdoctor.diagnosis.setting import SETTINGS

    width = min(shutil.get_terminal_size().columns, PAGE_WIDTH)
    print(f"{found.code} {found.name}")
    _prose(f"It happened when: {found.summary}", width)
    _section("Why it matters", found.why, width)
    _in_a_log(found.code)
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


def _in_a_log(code: str) -> None:
    """What software prints that most likely means this rule, as ``triage`` looks for it."""
    from wsdoctor.triage.signatures import SIGNATURES

    texts = [signature.example for signature in SIGNATURES if signature.codes[0] == code]
    if texts:
        print("\nWhat a log may say")
        for text in texts:
            print(f"  {text}")


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
