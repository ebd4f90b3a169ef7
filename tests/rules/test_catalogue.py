"""What a rule says of itself is complete, its remedies are clean code, and the table lists it."""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

from tests.rules import tables
from wsdoctor.diagnosis.remedy_context import SETTINGS
from wsdoctor.diagnosis.rule import DOCUMENTATION, FAMILIES, Rule, always
from wsdoctor.diagnosis.rules import RANK, RULES

EXAMPLES = Path(sys.modules["wsdoctor.diagnosis.rules"].__path__[0]) / "examples"
REMEDIES = Path(__file__).parent / "remedies"
TABLE, README = tables.PAGE, tables.README

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


IN_HELP = ("# wsdoctor: ignore[WSD301] reason", "(WSD201, unhandled-disconnect)")
"""What the help and a message show as examples of how rules are named."""


def test_only_a_rule_s_own_module_and_rules_that_are_related_name_its_code():
    package = EXAMPLES.parents[2]
    found = []
    for path in sorted(package.rglob("*")):
        place = path.relative_to(package).as_posix()
        owner = re.fullmatch(r"diagnosis/rules/wsd\d{3}_\w+\.py", place)
        if owner or path.suffix in {"", ".pyc"} or EXAMPLES in path.parents:
            continue
        text = path.read_text(encoding="utf-8")
        for shown in IN_HELP:
            text = text.replace(shown, "")
        named = set(re.findall(r"\bWSD\d{3}\b", text, re.IGNORECASE))
        found += [f"{place} names {code}" for code in sorted(named)]
    assert [each for each in found if "shown.json" not in each] == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_the_module_of_a_rule_is_called_like_it(rule: Rule):
    name = f"{rule.code.lower()}_{rule.name.replace('-', '_')}"
    assert getattr(rule.detect, "__module__", "").endswith(f".rules.{name}")
    assert rule.family in FAMILIES


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_explains_rules_that_exist_and_outranks_those_that_it_always_explains(rule: Rule):
    assert rule.explains.keys() <= {"", *RULES} - {rule.code}
    for code, relation in rule.explains.items():
        # That a case was not checked is a remark, which is worth more only where nothing explains it.
        if relation is always and not RULES[code].stops_at:
            assert RANK[rule.code] < RANK[code]


def test_no_two_rules_have_the_same_rank():
    assert len({rule.rank for rule in RULES.values()}) == len(RULES)


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


def test_the_tables_of_the_documentation_are_those_of_the_catalogue():
    """Otherwise: python -m tests.rules.tables."""
    assert tables.page(TABLE.read_text(encoding="utf-8")) == TABLE.read_text(encoding="utf-8")
    assert tables.readme(README.read_text(encoding="utf-8")) == README.read_text(encoding="utf-8")


def test_the_tables_are_written_anew_for_a_rule_more_and_a_rule_less(monkeypatch):
    rule = replace(RULES["WSD801"], code="WSD803", name="servers-differ", summary="they differ")
    monkeypatch.setitem(RULES, "WSD803", rule)
    monkeypatch.delitem(RULES, "WSD001")
    page = tables.page(TABLE.read_text(encoding="utf-8"))
    assert "| WSD803 | `servers-differ` | they differ | warning if" in page.splitlines()[-1]
    assert "WSD001" not in page
    old = README.read_text(encoding="utf-8")
    readme = tables.readme(old)
    number = re.compile(r"\(\d+ of (\d+) leave no trace\s+in any log\)")
    before, after = number.findall(old), number.findall(readme)
    assert [int(each) for each in after] == [int(each) - 1 for each in before] != []


def test_the_table_links_every_example_and_no_other():
    linked = re.findall(r"\]\(([^)]+\.py)\)", TABLE.read_text(encoding="utf-8"))
    assert sorted(linked) == sorted(set(linked))
    assert {(TABLE.parent / link).resolve() for link in linked} == set(EXAMPLES.glob("*.py"))
