"""Tables of events -> causes for what a connection leaves behind: itself, a probe, a thread."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import DISCONNECT, FRAMEWORK, RUNTIME, Story, error, frame
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.recording import events as e

SOURCE = """\
clients = set()


class Manager:
    everybody = {}

    def __init__(self):
        self.active = []


def make():
    seen: list[object] = []

    async def handler(ws):
        seen.append(ws)

    return handler
"""


def left() -> Story:
    return Story().opened().client_leaves().received("websocket.disconnect").returned()


def holder(kind: str, name: str, owner: str = "app", container: str = "set") -> e.Holder:
    return e.Holder(kind, name, owner, container, "app.py")  # type: ignore[arg-type]  # from a table


def diagnosed(story: Story) -> Diagnosed:
    return diagnose(replace(story.recording(), sources={"app.py": SOURCE}))


def found(story: Story) -> list[tuple[str, int | None, str]]:
    return [
        (
            cause.occurrence.code,
            cause.occurrence.place.line if cause.occurrence.place else None,
            cause.occurrence.severity,
        )
        for cause in diagnosed(story).causes
    ]


# --- connections


@pytest.mark.parametrize(
    "held, line, said",
    [
        (holder("global", "clients"), 1, "`clients` (a set) at app.py:1"),
        (holder("attribute", "active", "Manager", "list"), 8, "`active` of `Manager` (a list)"),
        (holder("class", "everybody", "Manager", "dict"), 5, "`Manager.everybody` (a dict)"),
        (holder("variable", "seen", "make", "list"), 12, "`seen` in `make` (a list)"),
        # A name that is not assigned there: the class, or the function, is the nearest to report.
        (holder("attribute", "added", "Manager", "list"), 4, "`added` of `Manager` (a list)"),
    ],
)
def test_the_line_is_where_the_container_gets_its_name(held, line, said):
    story = left().add(e.ConnectionHeld).add(e.ConnectionsKept, count=12, holders=(held,))
    assert found(story) == [("WSD305", line, "error")]
    (cause,) = diagnosed(story).causes
    assert said in cause.occurrence.message
    assert any("all 12 connections" in line for line in cause.occurrence.evidence)


def test_of_several_names_the_others_are_reported():
    names = (holder("global", "clients"), holder("attribute", "active", "Manager"))
    (cause,) = diagnosed(left().add(e.ConnectionsKept, count=12, holders=names)).causes
    assert any("`active` of `Manager`" in line for line in cause.occurrence.evidence)


def test_what_no_code_of_the_users_holds_is_none_of_its_business():
    assert found(left().add(e.ConnectionHeld).add(e.ConnectionsKept, count=2)) == []


def test_what_is_let_go_is_no_finding_and_the_application_is_not_as_new():
    story = left().add(e.ConnectionHeld).add(e.ConnectionReleased, 30.0)
    assert found(story) == []
    assert diagnosed(story).result.verdict == "healthy"
    assert not diagnosed(story).spotless
    assert diagnosed(left()).spotless


def test_an_exception_that_skips_the_tidying_up_is_the_cause():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(5))
    story = Story().opened().client_leaves().received("websocket.disconnect").returned(gone)
    story.add(e.ConnectionsKept, count=12, holders=(holder("global", "clients"),))
    (cause,) = diagnosed(story).causes
    assert cause.occurrence.code == "WSD201"
    assert [symptom.code for symptom in cause.symptoms] == ["WSD305"]


@pytest.mark.parametrize("leaves, symptom", [(True, True), (False, False)])
def test_so_is_a_forbidden_message_whose_exception_leaves_the_handler(leaves, symptom):
    raised = error(1, RUNTIME, FRAMEWORK, frame(5))
    story = Story().opened().client_leaves().received("websocket.disconnect")
    story.sent("websocket.send", stack=(frame(5),), raised=raised)
    story.returned(raised if leaves else None)
    story.add(e.ConnectionsKept, count=12, holders=(holder("global", "clients"),))
    codes = [cause.occurrence.code for cause in diagnosed(story).causes]
    assert codes == ["WSD102"] + ["WSD305"] * (not symptom)


def test_who_sends_to_a_connection_that_is_over_has_it_from_where_it_is_kept():
    refused = error(1, RUNTIME, frame(5))
    story = left().sent("websocket.send", after=50, stack=(frame(5),), raised=refused)
    story.add(e.ConnectionsKept, count=12, holders=(holder("global", "clients"),))
    (cause,) = diagnosed(story).causes
    assert cause.occurrence.code == "WSD102"
    assert [symptom.code for symptom in cause.symptoms] == ["WSD305"]


# --- containers of other things

SEATS = """\
seats = set()


async def lobby(ws):
    number = next(numbers)
    seats.add(number)
    rooms[number].append(ws.name)
    await talk(ws)
    seats.discard(number)


async def other(ws):
    history.append(ws.name)
    history.remove(number)


async def talk(ws):
    queue[ws.name] = 1
    del queue[ws.name]


async def seat(ws):
    tables.add(ws.name)
    yield
    tables.discard(ws.name)
"""


def grew(name: str, *, comes_back: bool) -> Story:
    growth = e.Growth(holder("global", name), 10)
    story = Story().opened().sent("websocket.send", stack=(_in("talk", 17),))
    story.add(
        e.AsyncGeneratorStarted, generator=1, function="seat", location=_in("seat", 22), task=1
    )
    story.client_leaves().received("websocket.disconnect").returned()
    return story.add(e.ContainersGrew, count=10, comes_back=comes_back, grown=(growth,))


def _in(function: str, first: int) -> e.StackFrame:
    return e.StackFrame(
        file="app.py", line=first + 1, function=function, user=True, first_line=first
    )


LOBBY = _in("lobby", 4)


@pytest.mark.parametrize(
    "name, comes_back, expected",
    [
        ("seats", False, ("WSD305", 6, "error")),  # its own function means to take it out
        ("seats", True, ("WSD305", 6, "error")),
        ("rooms", False, ("WSD305", 7, "info")),  # nothing does: a history?
        ("rooms", True, ("WSD305", 7, "error")),
        ("queue", False, ("WSD305", 18, "error")),  # in what the handler waits for
        ("tables", False, ("WSD305", 23, "error")),  # in a generator that it runs within
        ("history", False, ("WSD305", 5, "info")),  # where it was not seen
        ("unknown", True, ("WSD305", 5, "error")),
    ],
)
def test_what_grows_is_a_leak_if_it_goes_elsewhere_or_is_meant_to(name, comes_back, expected):
    recording = grew(name, comes_back=comes_back).recording()
    recording = replace(recording, sources={"app.py": SEATS}, handler=LOBBY)
    (cause,) = diagnose(recording).causes
    occurrence = cause.occurrence
    assert occurrence.place is not None
    assert (occurrence.code, occurrence.place.line, occurrence.severity) == expected
    said = any("`seats.discard(number)` at app.py:9" in line for line in occurrence.evidence)
    assert said is (name == "seats")


def test_what_is_not_taken_out_has_one_cause_and_each_history_is_reported_by_itself():
    names = ("seats", "rooms", "queue", "history")
    grown = tuple(e.Growth(holder("global", name), 10) for name in names)
    story = grew("seats", comes_back=False)
    story.events[-1] = replace(story.events[-1], grown=grown)
    recording = replace(story.recording(), sources={"app.py": SEATS}, handler=LOBBY)
    told = [
        (occurrence.severity, occurrence.place.line if occurrence.place else 0)
        for occurrence in (cause.occurrence for cause in diagnose(recording).causes)
    ]
    assert sorted(told) == [("error", 6), ("info", 5), ("info", 7)]


PUT = """\
async def lobby(ws):
    seats[ws.number] = now()
    async for text in ws.iter_text():
        pass
"""

KICK = """

@app.delete("/seats/{number}")
async def kick(number):
    del seats[number]
"""

PRUNE = """

def prune():
    for number, since in list(seats.items()):
        if now() - since > 3600:
            del seats[number]
"""

LEAVE = """

def leave(ws):
    seats.pop(ws.number, None)
"""


@pytest.mark.parametrize(
    "more, severity, said",
    [
        ("", "info", "`seats` (a set) grows with every client, and nothing is taken out again"),
        (KICK, "info", "and `del seats[number]` at app.py:9 takes none of it out"),
        (PRUNE, "", ""),
        (LEAVE, "error", "`seats` (a set) keeps something of every client"),
        (LEAVE + KICK, "info", "takes none of it out"),
        (LEAVE + PRUNE, "", ""),
    ],
)
def test_what_is_said_of_it_is_true_of_all_functions(more, severity, said):
    recording = grew("seats", comes_back=False).recording()
    recording = replace(recording, sources={"app.py": PUT + more}, handler=_in("lobby", 1))
    causes = [cause.occurrence for cause in diagnose(recording).causes]
    assert [occurrence.severity for occurrence in causes] == [severity] * bool(severity)
    assert all(said in occurrence.message for occurrence in causes)


def test_what_grows_because_the_handler_was_left_is_the_exceptions_fault():
    gone = error(1, DISCONNECT, FRAMEWORK, frame(5))
    story = Story().opened().client_leaves().received("websocket.disconnect").returned(gone)
    growth = e.Growth(holder("global", "seats"), 4)
    story.add(e.ContainersGrew, count=4, comes_back=True, grown=(growth,))
    (cause,) = diagnosed(story).causes
    assert cause.occurrence.code == "WSD201"
    assert [symptom.code for symptom in cause.symptoms] == ["WSD305"]


# --- probes


def probed(*visits: tuple[str, str]) -> Story:
    story = Story()
    for number, (before, _) in enumerate(visits[:1], 1):
        story.add(e.ProbeRead, connection=number, probe="app:count", when="before", value=before)
    story.opened().client_leaves().received("websocket.disconnect").returned()
    for number, (before, after) in enumerate(visits, 1):
        if number > 1:
            story.add(
                e.ProbeRead, connection=number, probe="app:count", when="before", value=before
            )
        story.add(e.ProbeRead, connection=number, probe="app:count", when="after", value=after)
    return story


@pytest.mark.parametrize(
    "visits, leaks",
    [
        ([("0", "0")], False),
        ([("0", "1"), ("1", "2"), ("2", "3")], True),
        ([("0", "1"), ("1", "1")], False),  # what the first one starts for all
        ([("0", "1"), ("1", "2"), ("2", "2")], False),
        ([("0", "1")], False),  # no other client came to compare with
    ],
)
def test_a_probe_must_be_off_after_every_connection(visits, leaks):
    story = probed(*visits)
    assert [code for code, *_ in found(story)] == ["WSD305"] * leaks
    if leaks:
        (cause,) = diagnosed(story).causes
        assert "app:count was 0 before the connection and is 1 after it" in cause.occurrence.message


def test_a_probe_that_raises_decides_nothing():
    broken = error(1, ("KeyError", "LookupError", "Exception", "BaseException"))
    story = left().add(e.ProbeRead, probe="app:count", when="after", exception=broken)
    result = diagnosed(story).result
    assert result.verdict == "inconclusive"
    assert "app:count raised KeyError" in result.note


# --- threads

POLL = e.StackFrame(file="app.py", line=11, function="poll", user=True, first_line=11)


def threads(story: Story, connection: int, *left: e.LeftThread) -> Story:
    return story.add(e.ThreadsLeft, connection=connection, threads=left)


STARTED = e.LeftThread("poll", (frame(3),), 1, POLL)


@pytest.mark.parametrize(
    "first, later, second, expected",
    [
        (STARTED, STARTED, STARTED, [("WSD306", 3, "error")]),
        (STARTED, STARTED, None, []),  # the application's own, started by the first client
        (STARTED, None, STARTED, []),  # it has ended by itself
        (STARTED, STARTED, e.LeftThread("other", (frame(5),), 9), []),
        (e.LeftThread("poll", (), 2),) * 3 + ([("WSD306", 3, "error")],),  # where its task was made
        (e.LeftThread("poll", (), 0, POLL),) * 3 + ([("WSD306", 11, "error")],),
    ],
)
def test_a_thread_that_every_connection_leaves_behind(first, later, second, expected):
    story = Story().opened().started().client_leaves().received("websocket.disconnect").returned()
    threads(story, 1, first)
    if later:
        threads(story, 1, later)
    if second:
        if second.task == 2:
            story.add(
                e.TaskCreated,
                connection=2,
                task=2,
                name="Task",
                coroutine="stream",
                parent=1,
                stack=(frame(3),),
            )
        threads(story, 2, second)
    assert [item for item in found(story) if item[0] == "WSD306"] == expected
    assert not diagnosed(story).spotless
