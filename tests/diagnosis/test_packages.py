"""Whose code it was where it was not the user's: table of events to fault, package and evidence."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import DISCONNECT, RUNTIME, Story, error, frame
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.findings import findings
from wsdoctor.diagnosis.packages import attributed
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


def test_two_lines_of_one_package_are_two_findings_and_their_fingerprints_know_no_folder():
    stories = [
        raised(UVICORN, inside("acme", module, line)) for module, line in (("a.py", 1), ("b.py", 2))
    ]
    found = [item.finding for item in findings([diagnose(s.recording()) for s in stories])]
    assert len(found) == 2
    moved = raised(UVICORN, inside("acme", "a.py", 100)).recording()
    (again,) = findings([diagnose(moved)])
    assert again.finding.fingerprint == found[0].fingerprint


def test_a_send_beside_a_reader_that_was_told_may_be_refused_by_any_exception():
    """A library that reads ahead in a task is told first, while the consumer still answers.

    That the server logs an error for it is the server's.
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
