"""WSD402 handler-hangs: the handler never returned after the connection ended."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import HANG, returns_within
from wsdoctor.diagnosis.location import handler_frame, innermost, path, subject, where
from wsdoctor.diagnosis.remedy_context import meanwhile, setting_of
from wsdoctor.diagnosis.rule import Occurrence, Rule, always, seconds
from wsdoctor.diagnosis.rules._consumer import dead_consumer
from wsdoctor.diagnosis.rules._remedies import WHEN_IT_ENDS, WHY_STOP_CONSUMER, remedy, worded
from wsdoctor.diagnosis.rules._snippets import (
    CANCEL_IN_HOOKS,
    CANCEL_IN_LIFESPAN,
    CANCEL_THEN_WAIT,
    LIMIT,
    STOP_CONSUMER,
)
from wsdoctor.diagnosis.rules._uncancellable import waits_for_defiant
from wsdoctor.diagnosis.source import read
from wsdoctor.plan.kinds import SERVER_KINDS
from wsdoctor.recording.events import (
    ReceiveCalled,
    ReceiveReturned,
    SendCalled,
    SendReturned,
    StackFrame,
    TaskStack,
    ThreadsLeft,
)


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.called is None or connection.returned is not None or connection.end_known is None:
        return
    if connection.recording.case.kind in SERVER_KINDS:
        return  # WSD403
    sample = connection.sampled("hang")
    if sample is None or waits_for_defiant(connection, sample):
        return  # WSD502
    answers = unanswered(connection, sample)
    place = answers or innermost(connection, sample.stack)
    awaits = f", which awaits {sample.awaits}" if sample.awaited_task else ""
    outer = handler_frame(connection, sample.stack)
    others = meanwhile(connection, "hang")
    threads = list(_threads(connection))
    consumer = dead_consumer(connection, place, "hang")
    setting = setting_of(connection, sample.stack) if others else "wait"
    yield Occurrence(
        code=RULE.code,
        message=f"{subject(connection, outer)} never returned: {seconds(connection.recording.watched)} after the end of the "
        f"connection {left_open(answers) if answers else f'it is stuck {stuck(connection, outer, place)}{awaits}'}"
        + (f": {consumer}" if consumer else ""),
        place=place,
        severity="error",
        mark="masked",
        index=connection.sampled_at("hang"),
        fault="server" if _server_holds(connection, sample) else "app",
        evidence=(*_evidence(connection, sample, path(sample.stack)), *others, *threads),
        setting="consumer" if answers else "thread" if threads else setting,
        explains=connection.untold,
        because=consumer.started if consumer else None,
    )


def unanswered(connection: Connection, sample: TaskStack) -> StackFrame | None:
    """The user's method that was called for the disconnect, and after which its package waits on."""
    return sample.answers if connection.delivered is not None else None


def left_open(answers: StackFrame) -> str:
    """What became of a connection that the user's method ``answers`` did not end."""
    return f"it waits for more, since `{answers.function}` at {where(answers)} does not end it"


def stuck(connection: Connection, outer: StackFrame | None, place: StackFrame | None) -> str:
    """Where a handler stands that does not end: ``in `drain` at app.py:16, in `queue.join()` ``."""
    what = read(connection, place).expression
    inside = (
        f"in {subject(connection, place)} "
        if place and outer and place.function != outer.function
        else ""
    )
    return f"{inside}at {where(place)}" + (f", in `{what}`" if what else "")


def _server_holds(connection: Connection, sample: TaskStack) -> bool:
    """Whether the handler waits for the server's `send()` or `receive()`, and did not learn of the end."""
    return connection.delivered is None and _held_in(connection, sample) != ""


def _held_in(connection: Connection, sample: TaskStack) -> str:
    """The call, ``send`` or ``receive``, that the task waits in, "" if in neither."""
    answered = {event.call for event in connection.all(SendReturned)}
    answered |= {event.call for event in connection.all(ReceiveReturned)}
    calls: list[SendCalled | ReceiveCalled] = [
        *connection.all(SendCalled),
        *connection.all(ReceiveCalled),
    ]
    for call in calls:
        if call.task == sample.task and call.call not in answered:
            return "send" if isinstance(call, SendCalled) else "receive"
    return ""


def _evidence(connection: Connection, sample: TaskStack, stack: str) -> Iterator[str]:
    if stack:
        yield f"await stack: {stack}"
    if _server_holds(connection, sample):
        what = {
            "send": "which the server neither lets through nor refuses",
            "receive": "and the server does not say that the connection is gone",
        }
        held = _held_in(connection, sample)
        yield f"it waits in `{held}()`, {what[held]}"
    if connection.delivered is None and connection.refusals:
        yield "a send that failed told it that the client had left, and it went on"


def _threads(connection: Connection) -> Iterator[str]:
    left = connection.first(ThreadsLeft)
    for thread in left.threads if left is not None else ():
        if (inside := thread.inside) is not None:
            name = inside.function.rpartition(".")[2]
            yield f"meanwhile a thread of the connection's is in `{name}` ({where(inside)})"


RULE = Rule(
    code="WSD402",
    name="handler-hangs",
    summary="the handler never returned after the connection ended",
    severity="error",
    effect="stuck",
    happens="the handler never returns",
    why=(
        "Every client that leaves adds a task, with all that it holds, until the process runs out "
        "of memory; and the server cannot stop until it is killed."
    ),
    silence="Never: the client is gone.",
    remedies={
        **worded(
            "",
            "What the handler waits for has to end with the connection. Let it read, and do the rest "
            "in a task that is cancelled when the reading ends (`gather` cancels nothing when one "
            "side returns):",
            WHEN_IT_ENDS,
            {
                **CANCEL_THEN_WAIT,
                "": """
                    task = asyncio.create_task(send(websocket, queue))
                    try:
                        await receive(websocket, queue)
                    finally:
                        if not task.done():
                            task.cancel()
                            await asyncio.wait([task])
                """,
                "litestar": CANCEL_THEN_WAIT[""],
            },
        ),
        **worded(
            "hooks",
            "What the handler waits for has to end with the connection. Cancel the task in the method "
            "that is called when the connection ends:",
            CANCEL_IN_HOOKS,
        ),
        "/wait": remedy(
            "Nothing can complete this `await` once the client is gone. Do not wait for it after the "
            "disconnect, or give it a limit:",
            LIMIT,
        ),
        **worded("consumer", WHY_STOP_CONSUMER, STOP_CONSUMER),
        "/thread": remedy(
            "A thread cannot be cancelled. Read in the handler, so that it learns of the end, and give the "
            "thread an event that stops it:",
            """
            stop = threading.Event()
            task = asyncio.create_task(asyncio.to_thread(work, stop))
            try:
                ...
            finally:
                stop.set()
                await asyncio.wait([task])
            """,
        ),
        "litestar/lifespan": remedy(
            "What the handler waits for has to end with the connection. The listener reads; do the "
            "rest in a task that is cancelled when the listener ends:",
            CANCEL_IN_LIFESPAN,
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/asyncio-task.html#timeouts",),
    rank=220,
    explains={"WSD502": always},  # it does not end when it is cancelled, either
    lingers=True,
    unending_await=True,
    tells_of_return=True,
    tells_of_hang=True,
    checks={
        "": returns_within(
            str(HANG), f"the handler hangs {HANG} s after the end of the connection"
        ),
    },
)
