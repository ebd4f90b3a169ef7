"""What a rule says of itself is complete, its remedies are clean code, and the table lists it."""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from wsdoctor.diagnosis.rule import DOCUMENTATION, Rule
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.diagnosis.setting import SETTINGS

EXAMPLES = Path(sys.modules["wsdoctor.diagnosis.rules"].__path__[0]) / "examples"
REMEDIES = Path(__file__).parent / "remedies"
TABLE = Path(__file__).parents[2] / "docs" / "rules.md"
README = TABLE.parents[1] / "README.md"

CLEAN = [
    path.read_text(encoding="utf-8")
    for path in (*sorted(EXAMPLES.glob("*_fixed.py")), *sorted(REMEDIES.glob("*.py")))
]
"""The applications that test_examples.py shows to be healthy."""


def snippets(remedy: str) -> list[str]:
    return [textwrap.dedent(part) for part in remedy.split("\n\n") if part.startswith(" ")]


SNIPPETS = [
    pytest.param(key.partition("/")[0], snippet, id=f"{rule.code}-{key or 'any'}-{number}")
    for rule in RULES.values()
    for key, remedy in rule.remedies.items()
    for number, snippet in enumerate(snippets(remedy), 1)
]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_why_it_matters_when_it_may_be_intended_and_what_to_do(rule: Rule):
    assert rule.summary.strip()
    assert rule.why.strip()
    assert rule.silence.strip()
    assert rule.remedies[""].strip()
    for framework in DOCUMENTATION:
        assert rule.remedy_for(framework).strip()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_remedy_is_for_a_framework_and_a_setting_that_exist(rule: Rule):
    for key in rule.remedies:
        framework, _, setting = key.partition("/")
        assert framework in {"", *DOCUMENTATION}
        assert setting in SETTINGS
        assert rule.remedy_for(framework or "starlette", setting) == rule.remedies[key]


def test_what_fits_the_code_is_better_than_what_fits_the_framework():
    remedies = {"": "any", "litestar": "its", "/anyio": "anyio", "litestar/anyio": "both"}
    rule = replace(next(iter(RULES.values())), remedies=remedies)
    assert [rule.remedy_for("litestar", "anyio"), rule.remedy_for("fastapi", "anyio")] == [
        "both",
        "anyio",
    ]
    assert [rule.remedy_for("litestar", "hooks"), rule.remedy_for("fastapi", "hooks")] == [
        "its",
        "any",
    ]
    assert rule.settings_for("fastapi") == ["", "anyio"]


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_says_where_to_read_on(rule: Rule):
    for framework, page in DOCUMENTATION.items():
        assert rule.links_for(framework)[0] == page
        assert all(link.startswith("https://") for link in rule.links_for(framework))


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_prose_is_one_line_a_paragraph_since_the_terminal_wraps_it(rule: Rule):
    for text in (rule.summary, rule.why, rule.silence):
        assert "\n" not in text
        assert text == text.strip()
    for remedy in rule.remedies.values():
        for part in remedy.split("\n\n"):
            assert part.startswith("    ") or "\n" not in part


@pytest.mark.parametrize("framework, snippet", SNIPPETS)
def test_a_snippet_is_python(framework, snippet):
    ast.parse("async def handler():\n" + textwrap.indent(snippet, "    "))


@pytest.mark.parametrize("framework, snippet", SNIPPETS)
def test_a_snippet_stands_in_an_application_that_is_shown_to_be_healthy(framework, snippet):
    """In one of that framework: a send that comes too late raises OSError in Litestar only."""
    found = [text for text in CLEAN if re.search(pattern(snippet), text, re.MULTILINE)]
    assert any(("from litestar" in text) is (framework == "litestar") for text in found)


def pattern(snippet: str) -> str:
    """Where ``snippet`` stands, further to the right; ``...`` is whatever stands there."""
    lines = ["(?m:^(?=(?P<margin> *)))"]
    for line in snippet.splitlines():
        if line.strip() == "...":
            lines.append(r"(?:.*\n)+?")
        else:
            text = re.escape(line).replace(re.escape("..."), ".+")
            lines.append(rf"(?P=margin){text}(?:  # .*)?\n")
    return "".join(lines)


def test_a_changed_snippet_would_be_noticed():
    good = "task.cancel()\nawait asyncio.wait([task])"
    assert any(re.search(pattern(good), text, re.MULTILINE) for text in CLEAN)
    for bad in (
        good.replace("wait(", "gather("),
        good.replace("\n", "\n    "),
        "\n".join(reversed(good.splitlines())),
    ):
        assert not any(re.search(pattern(bad), text, re.MULTILINE) for text in CLEAN)


ROW = re.compile(
    r"^\| (?P<code>WSD\d{3}) \| `(?P<name>[a-z-]+)` \| (?P<summary>.+?) \| (?P<severity>.+?) \| (?P<examples>.+?) \|$"
)


def test_the_table_lists_every_rule_as_the_catalogue_has_it():
    rows = [
        row for line in TABLE.read_text(encoding="utf-8").splitlines() if (row := ROW.match(line))
    ]
    assert [row["code"] for row in rows] == list(RULES)
    for row in rows:
        rule = RULES[row["code"]]
        assert (row["name"], row["summary"]) == (rule.name, rule.summary)
        assert any(word in row["severity"] for word in ("error", "warning", "info"))


def test_the_table_links_every_example_and_no_other():
    linked = re.findall(r"\]\(([^)]+\.py)\)", TABLE.read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(set(linked))
    assert {(TABLE.parent / link).resolve() for link in linked} == set(EXAMPLES.glob("*.py"))


def test_the_readme_says_how_many_no_log_shows():
    shown = [rule.shown.values() for rule in RULES.values() if rule.shown]
    silent = sum("logged" not in marks for marks in shown)
    text = README.read_text(encoding="utf-8").replace("\n", " ")
    assert f"({silent} of {len(shown)} leave no trace in any log)" in text
