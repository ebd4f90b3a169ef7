"""A finding that is not the application's names whom to tell, and no code that the user should change."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace as changed

from tests.diagnosis.story import FRAMEWORK, Story, error
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.finding import Fault
from wsdoctor.diagnosis.findings import findings
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.diagnosis.upstream import upstream_remedy
from wsdoctor.recording import events as e
from wsdoctor.recording.recording import Recording

INSIDE = changed(FRAMEWORK, file="acme/rooms.py", package="acme")


def only(recording: Recording):
    (exhibit,) = findings([diagnose(recording)])
    return exhibit.finding


def closes_late(*, through: tuple[e.StackFrame, ...] = ()) -> Recording:
    story = Story().opened().client_leaves().received("websocket.disconnect")
    return story.sent("websocket.close", sender="framework", through=through).returned().recording()


def test_the_framework_is_named():
    finding = only(changed(closes_late(), framework="litestar"))
    assert (finding.code, finding.fault) == ("WSD101", "framework")
    assert "the maintainers of Litestar" in finding.remedy
    assert "--emit pytest" in finding.remedy


def test_the_package_is_named():
    finding = only(closes_late(through=(INSIDE,)))
    assert (finding.fault, finding.package) == ("package", "acme")
    assert "the maintainers of `acme`" in finding.remedy


def test_another_server_is_proposed():
    raised = error(1, ("AttributeError", "Exception", "BaseException"))
    story = Story().opened().client_leaves().sent("websocket.close", raised=raised).returned()
    finding = only(story.recording())
    assert (finding.code, finding.fault) == ("WSD802", "server")
    assert "uvicorn --ws wsproto" in finding.remedy.replace("websockets-sansio`, `", "")


@pytest.mark.parametrize("fault", get_args(Fault))
def test_there_is_code_in_a_remedy_only_if_it_is_the_applications_fault(fault):
    text = upstream_remedy(fault, "starlette", "acme")
    assert bool(text) is (fault not in {"app", "client"})
    assert "\n    " not in text
    codes = {rule.remedy_for("starlette") for rule in RULES.values() if rule.code != "WSD802"}
    assert text not in codes
