"""WSD502 cancellation-swallowed: a forced cancel was ignored."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import GRACE_OVER, NO_TASK_LEFT, WATCHED, check
from wsdoctor.diagnosis.location import where
from wsdoctor.diagnosis.rule import Occurrence, Rule, of_the_same_task, seconds
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.diagnosis.rules._uncancellable import Defiant, defiant, waits_for_defiant
from wsdoctor.diagnosis.source import swallows_cancellation
from wsdoctor.recording.events import StackFrame, TaskStack


def detect(connection: Connection) -> Iterator[Occurrence]:
    reported: set[StackFrame] = set()
    for number, found in defiant(connection).items():
        stack = next(item for item in found.sample.stacks if item.task == number)
        catcher = _catcher(connection, stack)
        place = catcher or found.place
        if place not in reported:
            reported.add(place)
            yield _occurrence(connection, number, found, catcher)


def _catcher(connection: Connection, stack: TaskStack) -> StackFrame | None:
    """The line that swallowed it, as far as the functions that the task is in can tell."""
    lines = (
        swallows_cancellation(connection, frame) for frame in reversed(stack.stack) if frame.user
    )
    return next((line for line in lines if line is not None), None)


def _occurrence(
    connection: Connection, number: int, found: Defiant, catcher: StackFrame | None
) -> Occurrence:
    task = connection.tasks.get(number)
    who = f"the task `{task.coroutine.rpartition('.')[2]}`" if task else "the handler"
    by = "the server" if found.request.by == "server" else "the application"
    end = connection.ends.get(number)
    waited = found.sample.time - found.request.time
    at = f" at {where(found.request.stack[-1])}" if found.request.stack else ""
    evidence = [f"{by} cancelled it{at}; {seconds(waited)} later it was at {where(found.place)}"]
    if number == connection.main_task:
        gone_on = connection.returned is None
    else:
        gone_on = end is None
        if end is not None:
            evidence.append(
                f"it ended by itself {seconds(end.time - found.request.time)} after that"
            )
    caught = f" at {where(catcher)}" if catcher else ""
    return Occurrence(
        code=RULE.code,
        message=f"{who} was cancelled, swallows the CancelledError{caught}, and goes on",
        place=catcher or found.place,
        severity="error" if gone_on else "warning",
        effect=None if gone_on else "late",
        task=number,
        mark="masked",
        index=connection.events.index(found.sample),
        evidence=tuple(evidence),
        symptoms=tuple(_symptoms(connection, number)),
        explains=connection.refused_to(number),
    )


def _symptoms(connection: Connection, number: int) -> Iterator[str]:
    if number in connection.destroyed:
        yield "WSD303"
    for reason, code in (("hang", "WSD402"), ("shutdown", "WSD403")):
        sample = connection.sampled(reason)
        if (
            number != connection.main_task
            and sample is not None
            and waits_for_defiant(connection, sample)
        ):
            yield code
            return


RULE = Rule(
    code="WSD502",
    name="cancellation-swallowed",
    summary="a task was cancelled, swallowed the CancelledError and went on",
    severity="error if it never ends, otherwise warning",
    effect="stuck",
    happens="a cancellation is ignored",
    why=(
        "`cancel()` is a request, and the CancelledError is how it arrives: once. A bare `except`, "
        "`except BaseException` or `suppress(CancelledError)` around the `await` of that moment takes it "
        "away, and the task works on for a client that has left. Code that waits for the task waits "
        "for ever, and a server that stops cannot end it by force."
    ),
    silence="If the task has good reason to finish what it is at: then it should be shielded.",
    remedies={
        "": remedy(
            "Catch what may go wrong, not everything: `except Exception`, too, lets a CancelledError "
            "through. If something has to be done when it comes, do that in a `finally`.",
            """
            while True:
                try:
                    ...
                except OSError:
                    ...
            """,
            "To wait for another task that you cancelled use `asyncio.wait`, which raises neither "
            "its CancelledError nor hides your own:",
            """
            if not task.done():
                task.cancel()
                await asyncio.wait([task])
            """,
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/asyncio-task.html#task-cancellation",),
    rank=240,
    explains={"WSD101": of_the_same_task, "WSD102": of_the_same_task},  # it sends on
    checks={
        "": check(
            "tasks grace defies",
            WATCHED,
            GRACE_OVER,
            NO_TASK_LEFT,
            'assert not Task.defied, f"cancelled, and went on: {Task.defied}"',
        ),
    },
)
