"""The JSON report is a public contract."""

from __future__ import annotations

import json
import re

import msgspec
import pytest
from jsonschema import Draft202012Validator
from msgspec.structs import replace

from tests.report.samples import DEFECTIVE, HEALTHY, NOTHING, variant
from wsdoctor.report import json as json_report
from wsdoctor.report.model import Report, ReportSet
from wsdoctor.report.schema import schema

VALIDATOR = Draft202012Validator(schema())

REPORTS = {
    "defective": [DEFECTIVE],
    "healthy": [HEALTHY],
    "nothing": [NOTHING],
    "interrupted": [replace(HEALTHY, interrupted=True)],
    "variant": [variant(DEFECTIVE, "naive", "WSD201")],
    "variants": [variant(DEFECTIVE, "naive", "WSD201"), variant(HEALTHY, "fixed")],
    "interrupted before the first variant": [],
}


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("reports", REPORTS.values(), ids=REPORTS)
def test_reports_fulfil_the_schema(reports):
    VALIDATOR.validate(json.loads(json_report.render(reports)))


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "fine"},
        {"schema_version": "2.0"},
        {"schema_version": None},
        {"findings": [{}]},
        {"markers": {"websocket_disconnect": "yes"}},
    ],
)
def test_the_schema_rejects(change):
    document = json.loads(json_report.render([DEFECTIVE])) | change
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize("field", ["schema_version", "tool", "verdict", "findings", "cases"])
def test_the_schema_misses(field):
    document = json.loads(json_report.render([DEFECTIVE]))
    del document[field]
    assert not VALIDATOR.is_valid(document)


def test_one_report_is_itself_and_several_are_a_set():
    one = json_report.render([HEALTHY])
    assert msgspec.json.decode(one, type=Report) == HEALTHY
    several = json_report.render([HEALTHY, DEFECTIVE])
    assert msgspec.json.decode(several, type=ReportSet).reports == (HEALTHY, DEFECTIVE)


def test_the_fields_are_those_of_the_design():
    """DESIGN.md section 6; only additions within 1.x."""
    document = json.loads(json_report.render([DEFECTIVE]))
    assert _names(
        "schema_version tool environment command target verdict markers findings cases coverage "
        "duration_seconds"
    ) <= set(document)
    assert _names(
        "code name severity fault route message location servers disconnects moments confirmed "
        "evidence symptoms remedy fingerprint replay"
    ) <= set(document["findings"][0])
    assert _names(
        "id route server kind moment verdict codes markers close_code teardown_seconds events"
    ) <= set(document["cases"][0])


def test_the_json_text_is_stable(snapshot):
    small = replace(DEFECTIVE, cases=DEFECTIVE.cases[:1])
    assert json_report.render([small]).decode() == snapshot


def test_it_is_utf_8_whatever_is_in_it():
    rendered = json_report.render([replace(HEALTHY, notes=("naïve … 猫 \ud7ff",))])
    assert re.search("naïve … 猫", rendered.decode())


def _names(text: str) -> set[str]:
    return set(text.split())
