"""Values of headers, cookies and queries are in no report."""

from __future__ import annotations

import io

import pytest
from msgspec.structs import replace

from tests.report.samples import DEFECTIVE, FINDING, FINGERPRINT, TIMELINE
from wsdoctor.diagnosis.finding import Location
from wsdoctor.report import github, gitlab, html, junit, markdown, ndjson, sarif, text
from wsdoctor.report import json as json_report
from wsdoctor.report.formats import FORMATS
from wsdoctor.report.model import Beside, Excerpt, Lifeline, Moment, Suppressed
from wsdoctor.report.redaction import redact, redact_text
from wsdoctor.report.secrets import secrets_of

RENDER = {
    "json": json_report.render,
    "text": lambda reports: text.render(reports, width=200).encode(),
    "html": html.render,
    "markdown": markdown.render,
    "junit": junit.render,
    "sarif": lambda reports: sarif.render(reports, exit_code=1),
    "github": github.render,
    "github summary": github.summary,
    "gitlab": gitlab.render,
    "ndjson": ndjson.render,
}


def test_every_format_is_looked_at():
    assert {name.partition(" ")[0] for name in RENDER} == set(FORMATS)


@pytest.mark.parametrize("form", RENDER)
def test_no_secret_is_left_in_any_format(form):
    leak = "s3cr3t/tok en"
    finding = replace(
        FINDING,
        message=f"raised for {leak}",
        evidence=(f"GET /ws?t=s3cr3t%2Ftok%20en {leak}",),
        remedy=f"not {leak}",
        location=Location("a.py", 1, "f", f"token == {leak!r}"),
        handler=Location("a.py", 1, "f", f"def f(token={leak!r}):"),
    )
    story = replace(
        TIMELINE,
        rows=((0.0, "log", f"in the log: {leak}", True),),
        moments=(Moment(0.0, "log", f"in the log: {leak}", faulty=True),),
        lives=(Lifeline(f"task {leak}", "task", 0.0, 0.0, 0, 0, f"raised KeyError: {leak}"),),
    )
    leaky = replace(
        DEFECTIVE,
        command=f"wsdoctor check --query t={leak}",
        findings=(finding,),
        suppressed=(Suppressed(finding, "comment", f"because of {leak}"),),
        cases=tuple(replace(case, note=f"note {leak}") for case in DEFECTIVE.cases),
        notes=(f"refused: {leak}",),
        timelines={FINGERPRINT: story},
        beside={FINGERPRINT: Beside("on wsproto", story)},
        sources=(Excerpt("a.py", 1, (f"TOKEN = {leak!r}",)),),
    )
    clean = redact(leaky, secrets_of(query=[("t", leak)]))
    written = RENDER[form]([clean]).decode()
    assert "s3cr3t" not in written
    assert "raised for" in written
    assert "raised for ***" in written.replace("\\*", "*")


def test_a_line_that_is_written_while_cases_run_holds_no_secret():
    out = io.BytesIO()
    stream = ndjson.Stream(out, "wsdoctor check --query t=hunter2", ["hunter2"])
    stream.case_done(replace(DEFECTIVE.cases[0], note="refused: hunter2"))
    assert b"hunter2" not in out.getvalue()
    assert b"refused: ***" in out.getvalue()


@pytest.mark.parametrize(
    "given, secrets",
    [
        ({"headers": [("Authorization", "Bearer abcdef")]}, ("Bearer abcdef", "abcdef")),
        ({"headers": [("Authorization", "Basic YW5uOmh1bnRlcjI=")]}, ("hunter2", "ann:hunter2")),
        (
            {"headers": [("authorization", 'X user="ann smith", key=a1b2c3')]},
            ("ann smith", "a1b2c3"),
        ),
        ({"headers": [("Cookie", "a=k%2Fv1; theme=dark")]}, ("k%2Fv1", "k/v1", "dark")),
        ({"cookies": [("session", "k=v+w")]}, ("k=v+w", "k%3Dv%2Bw", "k%3dv%2bw", "6b3d762b77")),
        ({"query": [("q", 'a"b\\c')]}, ('a"b\\c', 'a\\"b\\\\c', "a%22b%5Cc")),
        (
            {"hidden": ["opensesame"]},
            ("opensesame", "b3BlbnNlc2FtZ", "9wZW5zZXNhbW", "vcGVuc2VzYW1l"),
        ),
        ({}, ()),
    ],
)
def test_what_is_secret(given, secrets):
    found = secrets_of(**given)
    assert set(secrets) <= set(found)
    assert found or not secrets
    assert not secrets_of(query=[("room", "12")])


def test_the_longest_secret_goes_first():
    assert redact_text("Bearer abcdef", secrets_of([("A", "Bearer abcdef")])) == "***"


@pytest.mark.parametrize("given", ["bad hunter2s…", "bad hunt…", "bad hunter2secret…"])
def test_a_secret_that_was_cut_off(given):
    assert redact_text(given, ["hunter2secret"]) == "bad ***…"


def test_wsdoctors_own_words_survive_a_value_like_them():
    clean = redact(DEFECTIVE, secrets_of(query=[("kind", "close")]))
    assert [case.id for case in clean.cases] == [case.id for case in DEFECTIVE.cases]
    assert clean.findings[0].disconnects == FINDING.disconnects
