"""What a bystander got against the control, and what of it is a harm, in recordings made by hand."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import CANCELLED, DISCONNECT, FRAMEWORK, KEY, Story, error, frame
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.recording import events as e
from wsdoctor.recording.recording import Control

PUBLISH = frame(12, "stream")
EVERY_SECOND = Control(received=tuple(float(second) for second in range(1, 40)), until=40.0)


def two(kind="stall+bystander", *, service=False):
    """Two clients, both served by task 9, and the first one leaves at 2 s.

    That task is there before they come, if it is a ``service``.
    """
    story = Story(kind)
    if service:
        served(story)
    story.opened()
    story.add(e.AppCalled, connection=2, path="/ws", task=2)
    for number in (1, 2):
        story.add(
            e.SendCalled,
            connection=number,
            call=90,
            message="websocket.send",
            task=9,
            stack=(PUBLISH,),
        )
        story.add(e.SendReturned, connection=number, call=90)
    received(story, 1.0)
    return story.client_leaves()


def served(story, task=9):
    return story.add(
        e.TaskCreated,
        connection=0,
        task=task,
        name="",
        coroutine="stream",
        parent=7,
        stack=(PUBLISH,),
    )


def died(story):
    raised = error(1, DISCONNECT, FRAMEWORK, PUBLISH)
    return story.add(e.TaskEnded, 1.0, connection=0, task=9, outcome="raised", exception=raised)


def received(story, after):
    return story.add(e.FrameReceived, after, connection=2, opcode="text", size=4)


def called(story, *stack, after=1.0):
    return story.add(e.SendCalled, after, call=91, message="websocket.send", task=9, stack=stack)


def found(story, control=EVERY_SECOND, after=60.0):
    story.add(e.ServerPhase, after, phase="started")
    diagnosed = diagnose(replace(story.recording(), control=control))
    return [
        (c.occurrence.code, c.occurrence.fault, c.occurrence.severity, c.occurrence.place)
        for c in diagnosed.causes
    ]


def test_a_send_that_is_waited_for_while_the_other_client_gets_nothing():
    assert found(called(two(), PUBLISH)) == [("WSD405", "app", "error", PUBLISH)]


def test_without_a_line_of_the_users_it_is_the_frameworks():
    assert found(called(two())) == [("WSD405", "framework", "info", None)]


@pytest.mark.parametrize(
    "control",
    [
        Control(received=(1.0,), until=40.0),  # it ends by itself
        Control(received=(), until=40.0),  # it is silent
        replace(EVERY_SECOND, closed=3.0),  # it does not let two clients stay
        None,
    ],
)
def test_what_is_the_same_in_the_control_is_no_harm(control):
    assert not found(called(two(), PUBLISH), control)


def test_a_limit_that_the_application_sets_is_no_harm():
    story = called(two(), PUBLISH)
    story.add(e.SendReturned, 15.0, call=91, exception=error(1, CANCELLED))
    assert not found(story, after=1.0)


def test_what_is_merely_late_is_a_warning():
    story = called(two(), PUBLISH)
    story.add(e.SendReturned, 25.0, call=91)
    assert found(received(story, 0.0), after=1.0) == [("WSD405", "app", "warning", PUBLISH)]


CANCELS = frame(9, "stop")


def cancelled(*, caller, by="app", outcome="cancelled"):
    """A task of the second client's ended after a ``cancel()`` on behalf of ``caller``."""
    story = two("close+bystander")
    story.add(
        e.TaskCreated,
        connection=2,
        task=5,
        name="",
        coroutine="Feed.tick",
        parent=2,
        stack=(frame(5),),
    )
    story.add(e.CancelRequested, connection=2, task=5, by=by, stack=(CANCELS,), caller=caller)
    error_of = error(1, KEY, frame(6)) if outcome == "raised" else None
    return story.add(e.TaskEnded, connection=2, task=5, outcome=outcome, exception=error_of)


@pytest.mark.parametrize("outcome", ["cancelled", "returned"])
def test_a_clean_up_that_cancels_the_task_of_another_client_is_at_fault(outcome):
    story = cancelled(caller=1, outcome=outcome)
    assert found(story) == [("WSD405", "app", "error", CANCELS)]


def test_a_cancelled_task_that_has_sent_nothing_is_not_blamed_for_a_service_that_died():
    story = died(served(cancelled(caller=1)))
    assert found(story) == [("WSD405", "app", "error", PUBLISH)]


@pytest.mark.parametrize("how", [{"caller": 2}, {"caller": 0}, {"caller": 1, "by": "server"}])
def test_a_task_that_its_own_connection_or_the_server_cancels_harms_no_other(how):
    assert not found(cancelled(**how))


def test_one_that_gets_less_for_no_reason_that_was_seen_is_not_harmed():
    assert not found(two("close+bystander"))


def test_the_task_that_served_both_has_failed():
    assert found(died(two("close+bystander"))) == [("WSD405", "app", "error", PUBLISH)]


def test_a_service_that_has_failed_does_not_come_back_when_its_clients_get_something_else():
    story = received(died(two("close+bystander", service=True)), 25.0)
    assert found(story, after=1.0) == [("WSD405", "app", "error", PUBLISH)]


def test_a_service_that_is_started_again_is_there_again():
    story = served(died(two("close+bystander", service=True)), task=10)
    assert not found(received(story, 25.0), after=1.0)


def test_what_two_had_together_may_end_and_the_other_one_be_told_of_it():
    assert not found(received(died(two("close+bystander")), 25.0), after=1.0)


def test_what_is_missed_is_looked_for_where_the_control_goes():
    """It ends as soon as it has seen enough, and does not show later messages."""
    control = Control(received=tuple(second / 2 for second in range(2, 27)), until=13.0)
    story = received(died(two("close+bystander", service=True)), 15.0)
    assert found(story, control) == [("WSD405", "app", "error", PUBLISH)]


def test_the_servers_own_failure_is_not_the_applications():
    story = called(two(), PUBLISH)
    broken = error(1, ("AssertionError", "Exception", "BaseException"), PUBLISH)
    story.add(e.SendReturned, call=91, exception=broken)
    story.add(e.TaskEnded, connection=0, task=9, outcome="raised", exception=broken)
    assert not found(story)


@pytest.mark.parametrize("bases, harm", [(DISCONNECT, 1), (KEY, 1)])
def test_the_handler_of_the_bystander_is_left_by_an_exception(bases, harm):
    story = two("close+bystander")
    story.add(e.AppReturned, 1.0, connection=2, exception=error(1, bases, frame(5)))
    assert len(found(story, after=1.0)) == harm


def test_other_rules_ask_nothing_of_such_a_case():
    story = two("close+bystander").received("websocket.disconnect")
    story.sent("websocket.close", stack=(frame(9),)).returned()
    assert not found(received(story, 0.5), Control(received=(), until=1.0), after=0.1)


ACTIVE = e.Holder("global", "active", "app", "dict", "app.py")


def held(story, when, count, number):
    grown = (e.Growth(ACTIVE, count),) if count else ()
    return story.add(e.ContainersHeld, connection=number, when=when, held=grown)


def taken_out(*, alone=1, left=0, end=0, by=1):
    """One client's clean-up leaves ``left`` of ``alone`` elements that one client has there, at line 7."""
    story = held(Story("close+bystander"), "alone", alone, 1).opened()
    story.add(e.AppCalled, connection=2, path="/ws", task=2)
    received(story, 1.0)
    story.client_leaves().received("websocket.disconnect")
    story.add(
        e.ContainerShrank, connection=by, holder=ACTIVE, held=left, things=True, stack=(frame(7),)
    )
    return held(story.returned(), "end", end, 2)


def test_what_a_clean_up_takes_out_of_a_container_with_its_own_entry():
    assert found(taken_out()) == [("WSD405", "app", "error", frame(7))]


@pytest.mark.parametrize(
    "story",
    [
        {"left": 1},  # the other one's is still there
        {"end": 1},  # it is there again
        {"by": 2},  # it took it out itself
        {"alone": 0},  # one client has nothing in it
    ],
)
def test_but_not_what_leaves_the_other_one_its_own(story):
    assert not found(taken_out(**story))


def test_and_not_if_the_other_one_gets_its_messages():
    story = taken_out()
    for _ in range(40):
        received(story, 1.0)
    assert not found(story, after=0.0)
