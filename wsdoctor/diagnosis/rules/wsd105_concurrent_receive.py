"""WSD105 concurrent-receive: two tasks wait in receive() at once."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import WATCHED, check
from wsdoctor.diagnosis.exceptions import ids
from wsdoctor.diagnosis.location import is_users, origin_of, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import ASGI, Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy, worded
from wsdoctor.diagnosis.rules._snippets import CATCH
from wsdoctor.recording.events import ReceiveCalled, ReceiveReturned, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    waiting: dict[int, ReceiveCalled] = {}
    for index, event in enumerate(connection.events):
        if isinstance(event, ReceiveReturned) and event.connection == connection.number:
            waiting.pop(event.call, None)
        elif isinstance(event, ReceiveCalled) and event.connection == connection.number:
            other = next((call for call in waiting.values() if call.task != event.task), None)
            if other is not None:
                yield _occurrence(connection, index, other, event)
                return
            waiting[event.call] = event


def _occurrence(
    connection: Connection, index: int, first: ReceiveCalled, second: ReceiveCalled
) -> Occurrence:
    # The reader that was started on purpose beside the handler's own is the one to take away.
    extra = second if second.task != connection.main_task else first
    users = any(_is_users(connection, call) for call in (first, second))
    place = _place(connection, extra) if users else None
    raised = [
        event.exception for event in connection.all(ReceiveReturned) if event.exception is not None
    ]
    logged = any(error.id in connection.logged for error in raised)
    broke = bool(connection.escapes)
    return Occurrence(
        code=RULE.code,
        message=f"two tasks wait in `receive()` at once: {_extra(connection, extra, place)}, and "
        f"{_other(connection, first if extra is second else second)}: each message, and the disconnect, goes to only one of them",
        place=place,
        severity="error" if logged or broke else "warning",
        mark="logged" if logged else "masked",
        index=index,
        fault="app"
        if any(_is_users(connection, call) for call in (first, second))
        else "framework",
        explains=frozenset().union(
            *(ids(error) for error in raised), *(ids(item.error) for item in connection.escapes)
        ),
    )


def _extra(connection: Connection, call: ReceiveCalled, place: StackFrame | None) -> str:
    task = connection.tasks.get(call.task)
    reads = call.stack[-1] if call.stack else None
    if task is None or reads is None:
        return f"the one started at {where(place)}"
    return f"`{task.coroutine.rpartition('.')[2]}`, started at {where(place)}, which reads at {where(reads)}"


def _is_users(connection: Connection, call: ReceiveCalled) -> bool:
    task = connection.tasks.get(call.task)
    return bool(call.stack) or (task is not None and is_users(connection, task))


def _place(connection: Connection, call: ReceiveCalled) -> StackFrame | None:
    task = connection.tasks.get(call.task)
    if task is None:
        return call.stack[-1] if call.stack else connection.recording.handler
    return origin_of(connection, task)


def _other(connection: Connection, call: ReceiveCalled) -> str:
    if call.stack:
        return f"the one that reads at {where(call.stack[-1])}"
    if call.task == connection.main_task:
        return "the handler's own, in which the framework reads"
    return f"the one started at {where(_place(connection, call))}"


RULE = Rule(
    code="WSD105",
    name="concurrent-receive",
    summary="two tasks waited in `receive()` at once",
    severity="error if it breaks the handler or a server logs it, otherwise warning",
    effect="lost",
    happens="two tasks read at once",
    why=(
        "A connection has one stream of incoming messages. With two readers each message, and the "
        "disconnect, reaches only one of them, whichever happens to be first: messages are lost, and "
        "one reader may never hear of the end. uvicorn's legacy `websockets` implementation refuses "
        "the second reader with a RuntimeError."
    ),
    silence="Never: which reader gets what is undefined.",
    remedies={
        **worded(
            "",
            {
                "": "Keep one reader. The disconnect reaches it among the messages; what others have to "
                "know, it tells them by an `asyncio.Event` or an `asyncio.Queue`.",
                "channels": "Let Channels read: it calls a method of the consumer for each message. What a task has to "
                "know, the method tells it by an `asyncio.Event` or an `asyncio.Queue`.",
            },
            {
                "": """
                    try:
                        while True:
                            await websocket.send_text(await websocket.receive_text())
                    except WebSocketDisconnect:
                        pass
                """,
                "asgi": CATCH["asgi"],
                "quart": """
                    while True:
                        await websocket.send(await websocket.receive())
                """,
                "channels": "",
            },
        ),
        "litestar": remedy(
            "Inside a listener Litestar reads already: call `send_websocket_stream()` without "
            "`listen_for_disconnect=True`, in a task that you cancel when the listener ends. To "
            "stream without reading, use `@websocket_stream`, or a plain `@websocket` handler with "
            "`listen_for_disconnect=True`."
        ),
    },
    detect=detect,
    links=(ASGI,),
    rank=50,
    overrules=True,
    checks={
        "": check(
            "readers", WATCHED, 'assert not tap.beside, "two tasks wait in receive() at once"'
        ),
    },
    signatures=(
        Signature(
            order=130,
            example="cannot call recv while another coroutine is already waiting for the next message",
            pattern=r"cannot call (?:recv|recv_streaming|receive) while another",
            means="two tasks waited for the next message of one connection at once",
            needle="cannot call rec",
            proof=False,
        ),
    ),
)
