"""The owner of code that is not the user's: table of events to fault, package and evidence."""

from __future__ import annotations

from typing import Literal

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import DISCONNECT, KEY, REFUSED, RUNTIME, Story, error, frame
from wsdoctor.diagnosis.attribution import attributed
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.diagnosis.ending import ending_of
from wsdoctor.diagnosis.findings import findings
from wsdoctor.diagnosis.rule import Occurrence
from wsdoctor.recording import events as e
from wsdoctor.recording.events import StackFrame

SITE = "/srv/venv/lib/python3.13/site-packages"


def inside(package: str, module: str = "core.py", line: int = 7) -> StackFrame:
    return StackFrame(
        file=f"{SITE}/{package}/{module}",
        line=line,
        function="Room.serve",
        user=False,
        package=package,
    )


STARLETTE, UVICORN, ACME = inside("starlette"), inside("uvicorn"), inside("acme")
OWN = frame(4)


def finding(story: Story):
    ((exhibit),) = findings([diagnose(story.recording())])
    return exhibit.finding


def raised(*stack: StackFrame) -> Story:
    story = Story().opened().client_leaves().received("websocket.disconnect")
    escaped = error(1, DISCONNECT, *stack)
    return story.returned(escaped).logged(escaped)


@pytest.mark.parametrize(
    "stack, fault, package",
    [
        ((OWN,), "app", ""),
        ((OWN, STARLETTE), "app", ""),
        ((UVICORN, ACME, OWN, STARLETTE), "app", ""),
        ((UVICORN, ACME, OWN, ACME, STARLETTE), "app", ""),
        ((UVICORN, STARLETTE), "framework", ""),
        ((UVICORN, STARLETTE, ACME, STARLETTE), "package", "acme"),
        ((UVICORN, ACME, inside("anyio"), inside("uvicorn")), "package", "acme"),
        ((ACME, inside("umbrella")), "package", "umbrella"),
    ],
)
def test_a_traceback_says_whose_it_is(stack, fault, package):
    found = finding(raised(*stack))
    assert (found.code, found.fault, found.package) == ("WSD201", fault, package)
    assert (found.location is None) == (fault != "app")
    assert (found.severity == "info") == (fault != "app")


def test_the_packages_line_is_evidence_and_in_the_sentence():
    found = finding(raised(UVICORN, STARLETTE, ACME, STARLETTE))
    assert "raised at acme/core.py:7" in found.message
    assert "inside `acme`, at acme/core.py:7 in `Room.serve`" in found.evidence
    assert SITE not in found.message + "".join(found.evidence)


@pytest.mark.parametrize("said", ["waits outside your code", "waits at outside your code"])
def test_a_place_outside_the_users_code_is_at_the_packages_line(said):
    story = raised(UVICORN, ACME)
    (index,) = (at for at, it in enumerate(story.events) if isinstance(it, e.AppReturned))
    occurrence = Occurrence("WSD201", said, None, "error", "logged", index)
    connection = Connection(story.recording())
    assert attributed(connection, occurrence).message == "waits at acme/core.py:7"


def test_a_message_without_a_line_of_the_users_is_the_packages_that_sent_it():
    story = Story().opened().client_leaves().received("websocket.disconnect")
    story.sent("websocket.close", sender="framework", through=(UVICORN, ACME, STARLETTE))
    found = finding(story)
    assert (found.code, found.fault, found.package) == ("WSD101", "package", "acme")
    assert found.message.startswith("`acme` sends `websocket.close`")


def farewell(raised: e.ExceptionInfo | None, sender: Literal["user", "framework"]) -> Story:
    """Its writer, which the reader has told, says good-bye in a task."""
    story = Story().opened().started(2).client_leaves().received("websocket.disconnect")
    through = (UVICORN, ACME) if sender == "framework" else ()
    stack = () if through else (OWN,)
    return story.sent(
        "websocket.close",
        task=2,
        sender=sender,
        stack=stack,
        through=through,
        raised=raised,
        told=True,
    )


@pytest.mark.parametrize("bases", [RUNTIME, REFUSED])
def test_a_package_that_catches_what_its_late_message_raises_has_nothing_to_change(bases):
    """Engine.IO: `except Exception: pass`, for "if the socket is already close we don't care"."""
    story = farewell(error(1, bases), "framework").add(e.TaskEnded, task=2, outcome="returned")
    assert findings([diagnose(story.returned().recording())]) == ()


@pytest.mark.parametrize("bases", [RUNTIME, REFUSED])
def test_a_package_whose_late_message_ends_a_task_has(bases):
    refused = error(1, bases)
    ended = error(2, KEY, context=refused)
    story = farewell(refused, "framework")
    story.add(e.TaskEnded, task=2, outcome="raised", exception=ended)
    found = finding(story.returned())
    assert (found.code, found.fault, found.package) == ("WSD101", "package", "acme")


@pytest.mark.parametrize("end", ["handler", "log"])
def test_a_package_whose_late_message_leaves_the_handler_or_is_logged_has(end):
    refused = error(1, RUNTIME)
    story = farewell(refused, "framework")
    story = story.returned(refused) if end == "handler" else story.returned().logged(refused)
    assert finding(story).code == "WSD101"


def test_what_a_server_takes_without_a_word_is_reported():
    assert finding(farewell(None, "framework").returned()).code == "WSD101"


def test_the_applications_own_late_message_is_a_finding_even_if_it_is_caught():
    found = finding(farewell(error(1, RUNTIME), "user").returned())
    assert (found.code, found.fault, found.severity) == ("WSD101", "app", "warning")


def stuck(kind: str, *samples: tuple[Literal["teardown", "hang", "shutdown"], int]) -> Diagnosed:
    """The handler is inside of a package, at these lines of it when the samples are taken."""
    story = Story(kind).opened()
    if kind == "shutdown":
        story.add(e.ServerPhase, 1.0, phase="exit-requested")
    else:
        story.client_leaves()
    story.received("websocket.disconnect")
    for reason, line in samples:
        at = (UVICORN, inside("acme", line=line))
        story.sampled(reason, e.TaskStack(task=1, stack=at), after=60)
    return diagnose(replace(story.recording(), handler=None))


@pytest.mark.parametrize("kind, code", [("close", "WSD402"), ("shutdown", "WSD403")])
def test_who_is_stuck_is_where_the_watch_ends_and_not_where_it_was_before(kind, code):
    """On a server that takes long to say that the client has left, the grace time ends in `receive()`."""
    (exhibit,) = findings([stuck(kind, ("teardown", 3), ("hang", 7))])
    found = exhibit.finding
    assert (found.code, found.fault, found.package) == (code, "package", "acme")
    assert "acme/core.py:7" in found.message
    assert "acme/core.py:3" not in found.message


def test_one_await_of_a_package_that_does_not_end_is_one_finding_also_where_the_server_stops():
    cases = [
        stuck("close", ("teardown", 3), ("hang", 7)),
        stuck("stall", ("teardown", 7), ("hang", 7)),
        stuck("shutdown", ("teardown", 7), ("hang", 7)),
    ]
    (exhibit,) = findings(cases)
    found = exhibit.finding
    assert (found.code, found.symptoms, found.moments.failing) == ("WSD402", ("WSD403",), 3)
    apart = findings([stuck("close", ("hang", 7)), stuck("shutdown", ("hang", 9))])
    assert [item.finding.code for item in apart] == ["WSD402", "WSD403"]


def test_a_hang_that_a_finding_tells_is_not_compared_between_servers():
    """Whether a client is known to have left when a send fails is a race that one server wins."""
    told = stuck("close", ("hang", 7))
    assert told.result.verdict == "healthy"
    assert ending_of(Connection(told.recording))
    assert not told.ending
    untold = Story().opened().client_leaves().received("websocket.disconnect").returned(after=0.1)
    assert diagnose(untold.recording()).ending


def test_two_lines_of_one_package_are_two_findings_and_their_fingerprints_know_no_folder():
    stories = [
        raised(UVICORN, inside("acme", module, line)) for module, line in (("a.py", 1), ("b.py", 2))
    ]
    found = [item.finding for item in findings([diagnose(s.recording()) for s in stories])]
    assert len(found) == 2
    moved = raised(UVICORN, inside("acme", "a.py", 100)).recording()
    (again,) = findings([diagnose(moved)])
    assert again.finding.fingerprint == found[0].fingerprint


def test_a_send_next_to_a_reader_that_knew_may_be_refused_by_any_exception():
    """A library that reads ahead in a task knows first, while the consumer still answers.

    If the server logs an error for that, the server is at fault.
    """
    refused = error(5, RUNTIME, OWN)
    story = Story().opened().started(2).client_leaves().received("websocket.disconnect", task=2)
    story.sent("websocket.send", stack=(OWN,), raised=refused).returned(refused).logged(refused)
    (found,) = (item.finding for item in findings([diagnose(story.recording())]))
    assert (found.code, found.fault, found.severity) == ("WSD802", "server", "info")


@pytest.mark.parametrize("second, codes", [("serve", ["WSD301"]), ("ping", [])])
def test_what_a_package_leaves_behind_grows_only_if_the_next_connection_leaves_the_same(
    second, codes
):
    """A task for the whole server has no line of the user's, and neither has another one's heartbeat."""
    story = Story().opened().client_leaves().received("websocket.disconnect").returned()
    visits = ((1, 2, "serve"), (2, 9, second))
    for connection, task, function in visits:
        root = frame(30 if function == "serve" else 40, function, user=False)
        story.add(
            e.TaskCreated,
            connection=connection,
            task=task,
            name="Task",
            coroutine=function,
            parent=1,
            through=(UVICORN, ACME),
            root=root,
        )
    for connection, task, _ in visits:
        story.sampled("returned", e.TaskStack(task=task, stack=()), connection=connection)
    found = findings([diagnose(replace(story.recording(), handler=None))])
    assert [item.finding.code for item in found] == codes
    assert all((item.finding.fault, item.finding.package) == ("package", "acme") for item in found)
