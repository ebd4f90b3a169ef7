"""Many cases -> findings: which causes are one, the text of a finding, and the verdict."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from tests.diagnosis.story import (
    CANCELLED,
    DISCONNECT,
    FRAMEWORK,
    RUNTIME,
    SOURCE,
    Story,
    error,
    frame,
)
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.diagnosis.findings import findings, strongest, verdict
from wsdoctor.recording import events as e
from wsdoctor.recording.recording import Recording

LEGACY, SANSIO, WSPROTO = "uvicorn:websockets", "uvicorn:websockets-sansio", "uvicorn:wsproto"


def left(kind: str = "close") -> Story:
    return Story(kind).opened().client_leaves().received("websocket.disconnect")


def case(story: Story, **changes: str) -> Diagnosed:
    """The diagnosis of ``story`` as the case with those ``changes``."""
    recording = story.recording()
    return diagnose(replace(recording, case=replace(recording.case, **changes)))


def escaped(line: int = 7, *, logged: bool = True) -> Story:
    """A WebSocketDisconnect leaves the handler at ``line``."""
    gone = error(1, DISCONNECT, FRAMEWORK, frame(line))
    story = left().answered(gone).returned()
    return story.logged(gone) if logged else story


def healthy() -> Story:
    return left().returned()


def test_one_cause_over_many_cases_is_one_finding():
    cases = [
        case(escaped(logged=server == LEGACY), server=server, kind=kind)
        for server in (SANSIO, LEGACY, WSPROTO)
        for kind in ("close", "abort")
    ]
    cases.append(case(healthy(), kind="shutdown", server=LEGACY))
    (exhibit,) = findings(cases)
    finding = exhibit.finding
    assert finding.servers == {LEGACY: "logged", SANSIO: "masked", WSPROTO: "masked"}
    assert finding.disconnects == ("close", "abort")
    assert (finding.moments.failing, finding.moments.checked) == (6, 7)
    assert finding.severity == "error", "it is logged on one of the servers"
    assert finding.replay == f"/ws close@after:1 {LEGACY}", (
        "shown best where it is logged, by a plain close"
    )
    assert exhibit.recording.case.id == finding.replay


def test_a_server_that_is_not_affected_says_so():
    (exhibit,) = findings([case(escaped(), server=LEGACY), case(healthy(), server=WSPROTO)])
    assert exhibit.finding.servers == {LEGACY: "logged", WSPROTO: "no"}


@pytest.mark.parametrize(
    "first, second, count",
    [
        ({"route": "/a"}, {"route": "/b"}, 2),  # the same line under two routes is found twice
        ({"server": LEGACY}, {"server": SANSIO}, 1),
        ({"kind": "close"}, {"kind": "abort"}, 1),
        ({"moment": "idle"}, {"moment": "after:2"}, 1),
    ],
)
def test_what_makes_two_of_one(first, second, count):
    assert len(findings([case(escaped(), **first), case(escaped(), **second)])) == count


def test_lines_that_one_except_would_catch_are_one_finding_with_the_other_as_evidence():
    often = [case(escaped(5)), case(escaped(5), kind="abort")]
    once = case(escaped(2), kind="fin")
    # Line 2 is outside of the `try` of line 5, line 5 inside: two clauses are missing.
    assert len(findings([*often, once])) == 2

    source = SOURCE.replace(
        "    try:\n        await serve(ws)\n    finally:\n", "    await serve(ws)\n    if True:\n"
    )

    def without_try(found: Diagnosed) -> Diagnosed:
        return diagnose(replace(found.recording, sources={"app.py": source}))

    (exhibit,) = findings([without_try(found) for found in [*often, once]])
    assert exhibit.finding.location is not None
    assert exhibit.finding.location.line == 5
    assert "the same happens at app.py:2" in exhibit.finding.evidence
    assert exhibit.finding.moments.failing == 3


def test_a_symptom_that_stands_alone_in_another_case_is_a_finding_of_its_own():
    """One server logs the close at line 9; on another the disconnect leaves at line 7 without one."""
    raised = error(1, RUNTIME, FRAMEWORK, frame(9))
    both = left().sent("websocket.close", stack=(frame(9),), raised=raised)
    both.returned(error(2, DISCONNECT, FRAMEWORK, frame(7), context=raised))
    (together,) = diagnose(both.recording()).causes
    assert (together.occurrence.code, [item.code for item in together.symptoms]) == (
        "WSD101",
        ["WSD201"],
    )
    alone = case(escaped(7, logged=False), server=SANSIO)
    found = findings([case(both, server=LEGACY), alone])
    close, escape = sorted((item.finding for item in found), key=lambda finding: finding.code)
    assert (close.code, close.symptoms, escape.code) == ("WSD101", ("WSD201",), "WSD201")
    assert close.servers == {LEGACY: "masked", SANSIO: "no"}
    assert escape.servers == {LEGACY: "no", SANSIO: "masked"}
    assert (close.moments.failing, escape.moments.failing) == (1, 1)


def test_a_handshake_without_an_answer_is_no_refusal_besides():
    unanswered = Story().add(e.AppCalled, path="/ws", task=1).received("websocket.connect")
    unanswered.returned().add(e.HandshakeRefused, status=500)
    (exhibit,) = findings([case(unanswered), case(refused(), kind="abort")])
    assert (exhibit.finding.code, exhibit.finding.symptoms) == ("WSD106", ("WSD002",))


def test_graver_findings_come_first():
    slow = left().returned(after=2.0)
    slow.events.insert(
        -1, e.StacksSampled(time=1.5, step=0, connection=1, reason="teardown", stacks=())
    )
    found = findings(
        [case(slow, route="/a"), case(escaped(5), route="/b"), case(escaped(2), route="/b")]
    )
    assert [exhibit.finding.severity for exhibit in found] == ["error", "error", "warning"]
    assert [exhibit.finding.route for exhibit in found] == ["/b", "/b", "/a"]


def test_what_is_no_fault_of_the_applications_is_only_told():
    gone = error(1, DISCONNECT, FRAMEWORK)  # no frame of the user's
    frameworks = case(left().answered(gone).returned().logged(gone))
    (exhibit,) = findings([frameworks])
    assert (exhibit.finding.fault, exhibit.finding.severity) == ("framework", "info")
    assert frameworks.result.verdict == "healthy"

    servers = case(
        left().returned().add(e.ServerPhase, phase="failed", exception=error(2, RUNTIME))
    )
    (exhibit,) = findings([servers])
    assert (exhibit.finding.code, exhibit.finding.fault, exhibit.finding.severity) == (
        "WSD802",
        "server",
        "info",
    )
    assert servers.result.verdict == "healthy"


# --- fingerprints


def _edited(recording: Recording, change: Callable[[str], str]) -> str:
    (exhibit,) = findings([diagnose(replace(recording, sources={"app.py": change(SOURCE)}))])
    return exhibit.finding.fingerprint


def _elsewhere(recording: Recording, file: str) -> Recording:
    text = msgspec.json.encode(recording).replace(b'"app.py"', msgspec.json.encode(file))
    return msgspec.json.decode(text, type=Recording)


def test_a_fingerprint_is_of_the_line_not_of_the_folder_or_the_server():
    recording = escaped().recording()
    (exhibit,) = findings([diagnose(recording)])
    fingerprint = exhibit.finding.fingerprint
    for file in ("/home/me/project/app.py", "C:\\work\\app.py"):
        (moved,) = findings([diagnose(_elsewhere(recording, file))])
        assert moved.finding.fingerprint == fingerprint
    (masked,) = findings([case(escaped(logged=False), server=SANSIO, kind="abort", moment="idle")])
    assert masked.finding.fingerprint == fingerprint


def test_a_fingerprint_tells_findings_apart():
    recording = escaped().recording()
    original = _edited(recording, lambda source: source)
    assert (
        _edited(recording, lambda source: source.replace("await task", "await other")) != original
    )
    (line,) = findings([diagnose(escaped(9).recording())])
    (route,) = findings([case(escaped(), route="/other")])
    cancelled = error(1, CANCELLED, frame(7))
    (code,) = findings([diagnose(left().returned(cancelled).logged(cancelled).recording())])
    fingerprints = {original, *(exhibit.finding.fingerprint for exhibit in (line, route, code))}
    assert len(fingerprints) == 4


def test_a_location_without_its_source_has_no_snippet():
    recording = replace(escaped().recording(), sources={})
    (exhibit,) = findings([diagnose(recording)])
    assert exhibit.finding.location is not None
    assert exhibit.finding.location.snippet == ""


# --- verdicts


def not_started() -> Story:
    return Story().add(e.ServerPhase, phase="startup-failed")


def refused() -> Story:
    story = Story().add(e.AppCalled, path="/ws", task=1).sent("websocket.close").returned()
    return story.add(e.HandshakeRefused, status=403)


def unsure() -> Story:
    return Story().opened().add(e.ScriptStopped, waiting_for="message 1")


def lost() -> Story:
    return Story().opened().add(e.WorkerLost, returncode=3)


def killed() -> Story:
    return Story().opened().add(e.WorkerLost, returncode=None)


def never_called() -> Story:
    return Story()


@pytest.mark.parametrize(
    "story, expected, note",
    [
        (healthy, "healthy", ""),
        (escaped, "defective", ""),
        (not_started, "nothing-checked", "did not start"),
        (refused, "nothing-checked", "403"),
        (unsure, "inconclusive", "message 1"),
        (lost, "defective", ""),
        (killed, "inconclusive", "had to be ended"),
        (never_called, "inconclusive", "never called"),
    ],
)
def test_the_verdict_of_a_case(story, expected, note):
    result = diagnose(story().recording()).result
    assert result.verdict == expected
    assert note in result.note
    assert bool(result.note) == bool(note)


@pytest.mark.parametrize(
    "stories, expected",
    [
        ([], "nothing-checked"),
        ([healthy], "healthy"),
        ([healthy, healthy], "healthy"),
        ([not_started], "nothing-checked"),
        ([not_started, refused], "nothing-checked"),
        ([healthy, unsure], "inconclusive"),
        ([healthy, not_started], "inconclusive"),  # one route was reached, the other was not
        ([unsure, not_started], "inconclusive"),
        ([healthy, killed], "inconclusive"),
        ([healthy, lost], "defective"),
        ([healthy, escaped], "defective"),
        ([escaped, unsure, not_started, lost, healthy], "defective"),
    ],
)
def test_the_verdict_over_cases(stories, expected):
    assert verdict([diagnose(story().recording()).result for story in stories]) == expected


@pytest.mark.parametrize("order", [1, -1])
def test_markers_over_cases_are_the_strongest(order):
    results = [
        diagnose(story.recording()).result
        for story in (healthy(), escaped(logged=False), escaped())
    ]
    marks = strongest(results[::order])
    assert (marks.websocket_disconnect, marks.unexpected_asgi_message) == ("logged", "masked")
    assert strongest([]).websocket_disconnect == "no"
