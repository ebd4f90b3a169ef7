"""Occurrences that are compared with the smallest correct application, and the fault that follows."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import (
    CANCELLED,
    DISCONNECT,
    GROUP,
    KEY,
    REFUSED,
    RUNTIME,
    Story,
    error,
    frame,
)
from wsdoctor.diagnosis.comparable import Seen, Shown, Way, comparable, settled, shows
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.findings import findings
from wsdoctor.recording.events import StackFrame


def library(function: str, line: int = 1, package: str = "starlette") -> StackFrame:
    return StackFrame(
        file=f"/venv/site-packages/{package}/web.py",
        line=line,
        function=function,
        user=False,
        package=package,
    )


DISPATCH, SEND = library("dispatch", 82), library("send", 95)
REFUSES = library("asgi_send", 7, "uvicorn")
HOOK = frame(5)


def left_with(*stack, bases=DISCONNECT, refused=True, started=False):
    """The client leaves; a send is refused, and what comes of that leaves the application."""
    story = Story().opened()
    if started:
        story.started()
    story.client_leaves()
    refusal = error(1, REFUSED, REFUSES)
    if refused:
        story.sent("websocket.send", stack=(HOOK,), raised=refusal)
    raised = error(2, bases, *stack, context=refusal if refused else None)
    return diagnose(story.returned(raised).logged(raised).recording())


def ways(case):
    return [(cause.occurrence.code, cause.occurrence.way) for cause in case.causes]


@pytest.mark.parametrize(
    "stack, way",
    [
        # called by the framework, raised by the framework: everything between them is one `*`
        ((DISPATCH, HOOK, SEND), "dispatch:82 < * < send:95"),
        ((DISPATCH, HOOK, frame(12, "helper"), SEND), "dispatch:82 < * < send:95"),
        # what is further out (middleware of anybody's) has no part in it
        ((library("app"), DISPATCH, HOOK, SEND), "dispatch:82 < * < send:95"),
        ((frame(40, "middleware"), DISPATCH, HOOK, SEND), "dispatch:82 < * < send:95"),
        # the server's exception shows how it refuses
        ((DISPATCH, HOOK, SEND, REFUSES), "dispatch:82 < * < send:95"),
        # another hook is called from another line
        ((library("dispatch", 90), HOOK, SEND), "dispatch:90 < * < send:95"),
        # overridden by the user: it is the user's own code that is called from there
        ((library("handle"), frame(20, "dispatch"), HOOK, SEND), "handle:1 < * < send:95"),
        # called back by the framework from inside its own call: the caller is another one
        ((DISPATCH, HOOK, library("publish"), frame(30, "callback"), SEND), "publish:1 < * < send:95"),
        # the path has a package between the user and the framework
        ((DISPATCH, HOOK, library("emit", 3, "rooms"), SEND), "dispatch:82 < * < emit:3 < send:95"),
        # the framework's own lines only
        ((DISPATCH, SEND), "dispatch:82 < send:95"),
    ],
)  # fmt: skip
def test_the_way_of_an_exception(stack, way):
    what = "litestar.exceptions.WebSocketDisconnect of a refused send"
    assert ways(left_with(*stack)) == [("WSD201", f"{way} < {what}")]


@pytest.mark.parametrize(
    "case",
    [
        left_with(DISPATCH, HOOK, bases=KEY),  # raised by the user's own code
        left_with(DISPATCH, HOOK, frame(12, "stream"), SEND, started=True),  # awaited from a task
        left_with(DISPATCH, HOOK, bases=CANCELLED, refused=False),
    ],
    ids=["raised", "of a task", "cancelled"],
)
def test_what_only_the_users_code_can_bring_about_is_not_compared(case):
    assert case.result.verdict == "defective"
    assert [way for _, way in ways(case)] == [""]
    assert comparable([case]) == {}


def test_a_group_goes_the_ways_of_what_it_holds():
    refusal = error(1, REFUSED, library("stream"), SEND)
    group = error(3, GROUP, DISPATCH, library("__aexit__"), members=(refusal,))
    story = Story().opened().client_leaves().sent("websocket.send", raised=refusal)
    (cause,) = diagnose(story.answered(group).returned().recording()).causes
    assert cause.occurrence.code == "WSD202"
    assert cause.occurrence.way.endswith("[stream:1 < send:95 < refused send]")
    mixed = error(3, GROUP, DISPATCH, members=(refusal, error(4, KEY, library("run"), HOOK)))
    story = Story().opened().client_leaves().sent("websocket.send", raised=refusal)
    assert ways(diagnose(story.answered(mixed).returned().recording())) == [("WSD202", "")]


def decided(case, fault="framework"):
    server = case.result.server
    return {
        Seen(Way(code, way), server): (fault, "the smallest shows it") for code, way in ways(case)
    }


def test_what_the_smallest_shows_too_is_reported_and_fails_no_build():
    smallest = left_with(DISPATCH, frame(99, "echo"), SEND)
    (shown,) = shows([smallest])
    users = left_with(library("middleware"), DISPATCH, HOOK, SEND)
    ((seen, kind),) = comparable([users]).items()
    assert (shown, kind) == (Shown(seen.what, "framework"), "close")
    case = settled(users, decided(smallest))
    (cause,) = case.causes
    assert (cause.occurrence.fault, cause.occurrence.severity) == ("framework", "info")
    assert cause.occurrence.place == users.causes[0].occurrence.place
    assert (users.result.verdict, case.result.verdict) == ("defective", "healthy")
    (exhibit,) = findings([case])
    assert (exhibit.finding.fault, exhibit.finding.severity) == ("framework", "info")
    assert "the smallest shows it" in exhibit.finding.evidence
    assert exhibit.finding.location is not None


@pytest.mark.parametrize(
    "users",
    [
        left_with(library("dispatch", 90), HOOK, SEND),  # in another hook
        left_with(DISPATCH, HOOK, library("receive"), refused=False),  # by another call
        left_with(DISPATCH, HOOK, SEND, bases=RUNTIME),  # another exception
        left_with(DISPATCH, HOOK, frame(12, "stream"), SEND, started=True),
    ],
    ids=["hook", "call", "exception", "task"],
)
def test_what_differs_from_the_smallest_stays_the_users(users):
    smallest = left_with(DISPATCH, frame(99, "echo"), SEND)
    assert settled(users, decided(smallest)) == users


def test_a_case_that_shows_something_else_as_well_stays_defective():
    users = left_with(DISPATCH, HOOK, SEND)
    other = left_with(DISPATCH, HOOK, bases=KEY)
    both = replace(users, causes=(*users.causes, *other.causes))
    case = settled(both, decided(left_with(DISPATCH, HOOK, SEND)))
    assert [cause.occurrence.fault for cause in case.causes] == ["framework", "app"]
    assert case.result.verdict == "defective"


def test_a_case_is_what_it_would_be_without():
    users = replace(left_with(DISPATCH, HOOK, SEND), otherwise="inconclusive", otherwise_note="why")
    result = settled(users, decided(users)).result
    assert (result.verdict, result.note) == ("inconclusive", "why")
