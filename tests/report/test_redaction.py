"""Values of headers, cookies and queries are in no report."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.report.samples import DEFECTIVE, FINDING, FINGERPRINT, TIMELINE
from wsdoctor.diagnosis.finding import Location
from wsdoctor.report import json as json_report
from wsdoctor.report import text
from wsdoctor.report.redaction import redact, redact_text, secrets_of


def test_no_secret_is_left_in_any_format():
    leak = "s3cr3t/tok en"
    leaky = replace(
        DEFECTIVE,
        command=f"wsdoctor check --query t={leak}",
        findings=(
            replace(
                FINDING,
                message=f"raised for {leak}",
                evidence=(f"GET /ws?t=s3cr3t%2Ftok%20en {leak}",),
                remedy=f"not {leak}",
                location=Location("a.py", 1, "f", f"token == {leak!r}"),
            ),
        ),
        cases=tuple(replace(case, note=f"note {leak}") for case in DEFECTIVE.cases),
        notes=(f"refused: {leak}",),
        timelines={
            FINGERPRINT: replace(TIMELINE, rows=((0.0, "log", f"in the log: {leak}", True),))
        },
    )
    clean = redact(leaky, secrets_of(query=[("t", leak)]))
    for written in (json_report.render([clean]).decode(), text.render([clean], width=200)):
        assert "s3cr3t" not in written
        assert "raised for ***" in written


@pytest.mark.parametrize(
    "given, secrets",
    [
        ({"headers": [("Authorization", "Bearer abcdef")]}, ("Bearer abcdef", "abcdef")),
        ({"cookies": [("session", "k=v+w")]}, ("k%3Dv%2Bw", "k=v+w", "k%3Dv%2Bw")),
        ({"query": [("room", "12")]}, ()),
        ({}, ()),
    ],
)
def test_what_is_secret(given, secrets):
    assert set(secrets_of(**given)) == set(secrets)


def test_the_longest_secret_goes_first():
    assert redact_text("Bearer abcdef", secrets_of([("A", "Bearer abcdef")])) == "***"


@pytest.mark.parametrize("given", ["bad hunter2s…", "bad hunt…", "bad hunter2secret…"])
def test_a_secret_that_was_cut_off(given):
    assert redact_text(given, ["hunter2secret"]) == "bad ***…"


def test_wsdoctors_own_words_survive_a_value_like_them():
    clean = redact(DEFECTIVE, secrets_of(query=[("kind", "close")]))
    assert [case.id for case in clean.cases] == [case.id for case in DEFECTIVE.cases]
    assert clean.findings[0].disconnects == FINDING.disconnects
