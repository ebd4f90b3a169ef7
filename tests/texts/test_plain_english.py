"""Docstrings, comments, strings and Markdown pages are free of phrases that are hard to read.

``PHRASES`` has each phrase with the reason and a better wording. Identifiers are not read, and neither
are the handlers in ``APPS``, which look as their authors would write them.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).relative_to(ROOT).as_posix()

SOURCES = ("wsdoctor", "scenarios", "tests")
PAGES = (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"))

APPS = re.compile(r"^tests/(\w+/apps|rules/remedies)/|^wsdoctor/diagnosis/rules/examples/")
"""Handlers as people write them."""

QUOTED: dict[tuple[str, str], str] = {}
"""Texts of other programs that contain a phrase, by file and text, with the reason."""

START = r"(?:^|(?<=[.!?:;] ))(?:[-*] )?"
"""The start of a sentence."""

STATEMENT = r"[^.?!]*(?:[.!]|$)"
"""The rest of a sentence that is no question."""


@dataclass(frozen=True)
class Phrase:
    name: str
    pattern: str
    reason: str
    better: str


PHRASES = (
    Phrase(
        "so many",
        r"(?i)\bso (?:many|much)\b",
        "The number that it refers to stands somewhere else.",
        "Name the number: 'Watching ends after 20 messages', 'CASES more cases'.",
    ),
    Phrase("by the way", r"(?i)\bby the way\b", "It announces an aside.", "Leave it out."),
    Phrase(
        "is told",
        r"(?i)\b(?:is|are|was|were|be|been|being)(?: \w+)? told\b",
        "It hides who informs whom, and means reported, informed, ordered and distinguished.",
        "Use an active verb: 'the report lists', 'the server informs the handler'.",
    ),
    Phrase(
        "nobody",
        r"(?i)\b(?:nobody|somebody|whoever)\b",
        "The actor is hardly ever a person.",
        "Name the actor: 'no task', 'another client', 'the caller'.",
    ),
    Phrase(
        "Of X, …",
        START + r"Of (?!course\b)\w" + STATEMENT,
        "The sentence says what it is about before it has a subject.",
        "Begin with the subject: 'The number of a semaphore is …'.",
    ),
    Phrase(
        "the way",
        r"(?i)\bthe way\b",
        "It is a filler, or a metaphor.",
        "Say 'how', 'path', 'direction', or name the steps.",
    ),
    Phrase(
        "Who …",
        START + r"(?:Who|Whom|Whose)\b" + STATEMENT,
        "The relative clause has no antecedent.",
        "Give it one: 'A task that sends …', 'The owner of …'.",
    ),
    Phrase(
        "What is …",
        START
        + r"What (?:is|are|was|were|has|had|does|did|can|cannot|could|may|might|must|will|would|should"
        + r"|begins|belongs|came|comes|decides|differs|ends|exists|fails|gets|goes|grows|happens"
        + r"|happened|holds|keeps|lasts|leads|lets|lives|makes|means|needs|raises|ran|releases|remains"
        + r"|runs|says|sends|sets|shows|stands|starts|stays|takes|waits|went)\b"
        + STATEMENT,
        "The relative clause has no antecedent.",
        "Give it one: 'The elements of …', 'Files that …'.",
    ),
    Phrase(
        "drags along",
        r"(?i)\bdrags? along\b",
        "It is a metaphor.",
        "Say 'also causes'.",
    ),
)


def files() -> Iterator[Path]:
    yield from PAGES
    for folder in SOURCES:
        yield from (ROOT / folder).rglob("*.py")


NAMES = sorted(
    name
    for name in (path.relative_to(ROOT).as_posix() for path in files())
    if name != HERE and not APPS.match(name)
)


@pytest.mark.parametrize("name", NAMES)
def test_prose_is_plain_english(name: str):
    found = [
        f"{name}:{line}: {phrase.name!r} in {text!r}. {phrase.reason} {phrase.better}"
        for line, text in prose(name, (ROOT / name).read_text("utf-8"))
        for phrase in PHRASES
        if re.search(phrase.pattern, text) and (name, text) not in QUOTED
    ]
    assert not found, "\n".join(found)


def test_names_of_tests_are_plain_english():
    banned = re.compile(
        r"def (test_\w*(?:nobody|somebody|whoever|so_many|(?:is|are|was|were)_told)\w*)"
    )
    found = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in (ROOT / "tests").rglob("*.py")
        for name in banned.findall(path.read_text(encoding="utf-8"))
    }
    assert not found


EXAMPLES = {
    "so many": "It is watched until it has got so many messages.",
    "by the way": "The port is free, by the way.",
    "is told": "The handler is not told of it.",
    "nobody": "It waits for a lock that nobody releases.",
    "Of X, …": "A pool has a size. Of a lock the owner is known.",
    "the way": "It is closed on the way.",
    "Who …": "Who sends to a closed connection gets an error.",
    "What is …": "What is left behind stays in memory.",
    "drags along": "drags along WSD201",
}


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.name)
def test_a_phrase_is_found_in_its_example_and_not_in_its_better_wording(phrase: Phrase):
    assert re.search(phrase.pattern, EXAMPLES[phrase.name])
    assert not re.search(phrase.pattern, phrase.better)


@pytest.mark.parametrize("question", ["What is left behind?", "Who sends it?", "Of what?"])
def test_a_question_is_plain(question: str):
    assert not any(re.search(phrase.pattern, question) for phrase in PHRASES)


def test_prose_is_docstrings_comments_and_strings_without_code():
    source = '"""A ``nobody``\n\nB"""\n# one\n# two\n\nnobody = f"x {nobody} y"  # three\n'
    assert sorted(text for _, text in prose("a.py", source)) == [
        "A …",
        "B",
        "one two",
        "three",
        "x … y",
    ]


def test_prose_of_a_page_is_its_paragraphs_items_and_cells_without_code():
    page = "# One\n\ntwo\n`code` three\n- four\n- five\n\n| six | seven |\n\n```\nnobody\n```\n"
    assert [text for _, text in prose("a.md", page)] == [
        "One",
        "two … three",
        "four",
        "five",
        "six",
        "seven",
    ]


def prose(name: str, source: str) -> Iterator[tuple[int, str]]:
    """The line and the text of each paragraph, comment and string in ``source``, without code in it."""
    for line, text in _page(source) if name.endswith(".md") else _module(source):
        for paragraph in re.split(r"\n\s*\n", text):
            if plain := " ".join(
                re.sub(r"``.+?``|`[^`]+`", "…", paragraph, flags=re.DOTALL).split()
            ):
                yield line, plain


def _page(source: str) -> Iterator[tuple[int, str]]:
    source = re.sub(r"(?ms)^ *```.*?^ *```$", lambda code: "\n" * code[0].count("\n"), source)
    for block in re.finditer(r"(?m)^(?:.+\n?)+", source):
        line = source.count("\n", 0, block.start()) + 1
        text = block[0].replace("|", "\n\n") if block[0].startswith("|") else block[0]
        for item in re.split(r"(?m)^\s*(?:[-*]|\d+\.) |^#+ ", text):
            yield line, item


def _module(source: str) -> Iterator[tuple[int, str]]:
    yield from _comments(source)
    parts: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts.update(id(part) for part in ast.walk(node) if isinstance(part, ast.Constant))
            yield (
                node.lineno,
                "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "…"
                    for part in node.values
                ),
            )
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts
        ):
            yield node.lineno, node.value


def _comments(source: str) -> Iterator[tuple[int, str]]:
    """The comments, those on consecutive lines as one."""
    block: list[str] = []
    first = last = -1
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        if token.start[0] != last + 1 and block:
            yield first, "\n".join(block)
            block = []
        if not block:
            first = token.start[0]
        block.append(token.string.lstrip("#: "))
        last = token.start[0]
    if block:
        yield first, "\n".join(block)
