"""While findings are hidden, no report for people calls anything healthy; each says what is true."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from msgspec.structs import replace

from tests.report.samples import FINDING, HEALTHY, KINDS, SERVERS, case
from wsdoctor.report import github, gitlab, html, junit, markdown, sarif, text
from wsdoctor.report import json as json_report
from wsdoctor.report.model import Report, Suppressed
from wsdoctor.report.wording import hidden_in, verdict_of

REMARK = replace(FINDING, code="WSD103", severity="info", fault="framework", fingerprint="c0ffee04")
FORMATS = {
    "text": lambda report: text.render([report], width=100).encode(),
    "verbose text": lambda report: text.render([report], width=100, verbose=True).encode(),
    "markdown": lambda report: markdown.render([report]),
    "html": lambda report: html.render([report]),
    "junit": lambda report: junit.render([report]),
    "github": lambda report: github.render([report]) + github.summary([report]),
    "gitlab": lambda report: gitlab.render([report]),
    "sarif": lambda report: sarif.render([report], exit_code=0),
}
TELLING = [name for name in FORMATS if name not in {"gitlab", "sarif"}]
"""The others hold findings, and no verdict."""


By = Literal["ignore", "select", "comment", "baseline"]


def hiding(*by: By, **changes: object) -> Report:
    """A report that is healthy but for what is suppressed; a second route has nothing to hide."""
    suppressed = tuple(
        Suppressed(replace(FINDING, fingerprint=f"c0ffee0{number}"), how)
        for number, how in enumerate(by)
    )
    other = case(id="/chat", route="/chat")
    return replace(HEALTHY, suppressed=suppressed, cases=(*HEALTHY.cases, other), **changes)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("by", ["select", "ignore", "comment", "baseline"])
def test_the_word_healthy_stands_nowhere_while_something_is_hidden(form, by):
    assert "healthy" not in FORMATS[form](hiding(by)).decode().lower()


@pytest.mark.parametrize("form", FORMATS)
def test_nor_beside_remarks_that_are_shown(form):
    report = hiding("select", findings=(REMARK,))
    assert "healthy" not in FORMATS[form](report).decode().lower()


@pytest.mark.parametrize("form", TELLING)
def test_what_is_hidden_is_said_instead(form):
    shown = " ".join(FORMATS[form](hiding("select", "baseline")).decode().replace("\\", "").split())
    assert "2 findings are hidden: WSD201 by --select, WSD201 by the baseline" in shown


@pytest.mark.parametrize("form", ["text", "markdown", "html"])
def test_a_report_that_hides_nothing_is_called_healthy(form):
    assert "healthy" in FORMATS[form](HEALTHY).decode()


@pytest.mark.parametrize(
    "report, words, hidden",
    [
        (HEALTHY, "healthy", ""),
        (
            hiding("select", "select"),
            "no findings among the selected rules",
            "2 findings are hidden: WSD201 by --select",
        ),
        (hiding("ignore"), "no other findings", "1 finding is hidden: WSD201 by --ignore"),
        (
            hiding("select", findings=(REMARK,)),
            "1 remark among the selected rules",
            "1 finding is hidden: WSD201 by --select",
        ),
        (
            hiding("comment", findings=(REMARK,)),
            "1 remark",
            "1 finding is hidden: WSD201 by a comment",
        ),
        (
            hiding("baseline", verdict="inconclusive"),
            "inconclusive",
            "1 finding is hidden: WSD201 by the baseline",
        ),
    ],
)
def test_the_verdict_in_words(report, words, hidden):
    assert (verdict_of(report), hidden_in(report)) == (words, hidden)


def test_the_last_line_of_the_text_names_the_hidden_rules():
    (*_, last) = text.render([hiding("select")], width=100).rstrip().splitlines()
    assert last == (
        "verdict: no findings among the selected rules in 19 cases; "
        "1 finding is hidden: WSD201 by --select"
    )


def test_a_cell_that_holds_only_what_is_hidden_is_not_ok():
    shown = text.render([hiding("ignore")], width=100)
    row = next(line for line in shown.splitlines() if line.startswith(KINDS[0]))
    assert row.split()[1:].count("hidden") == sum(
        FINDING.servers.get(server, "no") != "no" for server in SERVERS
    )
    assert "no findings /chat" in shown


def test_the_verdict_in_json_stays_what_the_contract_says():
    report = json.loads(json_report.render([hiding("select")]))
    assert report["verdict"] == "healthy"
    assert [item["by"] for item in report["suppressed"]] == ["select"]
