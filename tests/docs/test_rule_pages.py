"""The site has a page for each rule, with the text of ``wsdoctor explain``."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from wsdoctor.cli.app import main
from wsdoctor.cli.rule_page import FRAMEWORKS, MARK
from wsdoctor.diagnosis.rule import Rule
from wsdoctor.diagnosis.rules import RULES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def pages(monkeypatch):
    monkeypatch.syspath_prepend(str(DOCS))
    return import_module("rule_pages").pages()


def test_every_rule_has_a_page_that_bears_its_name(pages):
    assert list(pages) == list(RULES)
    for code, page in pages.items():
        assert page.startswith(f"# {code} {RULES[code].name}\n")


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_page_emphasises_the_marked_line_of_the_bad_example(rule: Rule, pages):
    blocks = re.findall(
        r"^```\{code-block\} python\n(?::emphasize-lines: (\d+)\n\n)?(.*?)\n```$",
        pages[rule.code],
        re.DOTALL | re.MULTILINE,
    )
    emphasised = [(source, source.splitlines()[int(line) - 1]) for line, source in blocks if line]
    assert [source for source, _ in emphasised] == [rule.bad.strip("\n")] * bool(rule.bad)
    assert all(MARK in line for _, line in emphasised)


@pytest.mark.parametrize("code", RULES)
def test_a_page_has_every_line_that_explain_prints_for_any_framework(code, pages, capsys):
    page = _words(pages[code])
    for framework in FRAMEWORKS:
        assert main(["explain", code, "--framework", framework]) == 0
        lines = capsys.readouterr().out.splitlines()
        shared = [line for line in lines if not line.startswith("Remedy (")]
        assert len(shared) < len(lines)
        assert [line for line in shared if _words(line) not in page] == []


def _words(text: str) -> str:
    """``text`` in one line, without the backslashes that Markdown needs."""
    return " ".join(re.sub(r"\\([^\w\s])", r"\1", text).split())
