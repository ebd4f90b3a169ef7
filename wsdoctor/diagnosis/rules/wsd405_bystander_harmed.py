"""WSD405 bystander-harmed: because one client left or stalled, another one stopped receiving."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.bystander import Bystander, Send, Starvation
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import check
from wsdoctor.diagnosis.exceptions import ids, name
from wsdoctor.diagnosis.finding import Severity
from wsdoctor.diagnosis.growth import phrase
from wsdoctor.diagnosis.interference import Cancelled, cancelled_by_another
from wsdoctor.diagnosis.location import path, place_of, raised_at, subject, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule, seconds
from wsdoctor.diagnosis.rules._remedies import remedy, worded
from wsdoctor.diagnosis.rules._snippets import CANCEL_THEN_WAIT, OWN_ENTRY, OWN_TASK
from wsdoctor.recording.events import ExceptionInfo, StackFrame


def detect(connection: Connection) -> Iterator[Occurrence]:
    control = connection.recording.control
    acted = connection.acted
    if control is None or acted is None or control.closed is not None:
        return  # nothing to compare with: the bystander does not stay when no client leaves, either
    bystander = Bystander(connection, control, acted)
    if bystander.connection.called is None:
        return
    if bystander.closed is not None:
        yield _closed(bystander)
    elif (starvation := bystander.starvation) is not None:
        found = _starved(bystander, starvation)
        if found is not None:
            yield found


def _closed(bystander: Bystander) -> Occurrence:
    escape = bystander.closed
    assert escape is not None
    other = bystander.connection
    place = place_of(other, escape.error)
    code = f" (close code {other.close_code})" if other.close_code is not None else ""
    return _occurrence(
        bystander,
        f"when one client had left, the connection of another one ended{code}: "
        f"{name(escape.error)} came up in its handler, {_at(place)}",
        place,
        escape.index,
        error=escape.error,
    )


def _starved(bystander: Bystander, starvation: Starvation) -> Occurrence | None:
    """What kept it from receiving; None if nothing that happened tells."""
    waiting = [] if starvation.partly else bystander.waited_for(starvation)
    if any(bystander.given_up(send) for send in waiting):
        return None
    died = bystander.died()
    if died is not None and not (starvation.forever or bystander.is_gone_for_good(died[1].task)):
        died = None
    failed = bystander.failed() if starvation.forever else None
    served = [
        send
        for send in waiting
        if bystander.serves(send.call.task) or not bystander.is_leavers(send.call.task)
    ]
    if served:
        return _blocked(bystander, starvation, served[0])
    if waiting and (found := _held_up(bystander, starvation)) is not None:
        return found
    cancelled = (
        cancelled_by_another(bystander.leaver, bystander.connection.number)
        if starvation.forever
        else None
    )
    if cancelled is not None and (cancelled.sent or died is None):
        return _cancelled(bystander, starvation, cancelled)
    if died is not None and died[1].exception is not None:
        index, event = died
        error = died[1].exception
        place = raised_at(error) or _created(bystander, event.task)
        return _occurrence(
            bystander,
            f"the task that runs {_runs(bystander, event.task, place)} ended with {name(error)}, {_at(place)}, when one "
            f"client had left: another one {_lost(starvation)}",
            place,
            index,
            starvation=starvation,
            error=error,
            severity="error",
            setting="" if bystander.is_from_a_send(error) else "service",
        )
    if failed is not None and failed.ended is not None and failed.ended.exception is not None:
        place = _place(bystander, failed)
        error = failed.ended.exception
        return _occurrence(
            bystander,
            f"{_who(bystander, place)} gives up {_at(place)} when the send to a client that has left "
            f"fails: another client, whose turn would come after it, {_lost(starvation)}",
            place,
            failed.index,
            starvation=starvation,
            error=error,
            evidence=_waits_since(bystander, starvation, failed.call.task),
        )
    return (
        _taken_out(bystander, starvation)
        or _ended(bystander, starvation)
        or _held_up(bystander, starvation)
    )


def _cancelled(bystander: Bystander, starvation: Starvation, found: Cancelled) -> Occurrence:
    """A task of the other one's that the one that left cancelled."""
    return _occurrence(
        bystander,
        f"the clean-up of one client, {_at(found.place)}, cancels {found.task} of another client: "
        f"that one {_lost(starvation)}",
        found.place,
        found.index,
        starvation=starvation,
        evidence=found.evidence,
        setting="strangers-task",
    )


def _taken_out(bystander: Bystander, starvation: Starvation) -> Occurrence | None:
    """What the one that left took out with its own was the other one's."""
    found = bystander.taken_out
    if found is None or not starvation.forever:
        return None
    index, event = found
    place = event.stack[-1]
    way = path(event.stack)
    return _occurrence(
        bystander,
        f"the clean-up of one client, {_at(place)}, takes another one out of {phrase(event.holder)}, too: "
        f"that one {_lost(starvation)}",
        place,
        index,
        starvation=starvation,
        evidence=(f"call path: {way}",) if way else (),
        setting="registry",
    )


def _blocked(bystander: Bystander, starvation: Starvation, send: Send) -> Occurrence:
    place = _place(bystander, send)
    return _occurrence(
        bystander,
        f"{_who(bystander, place)} waits {_at(place)} until a client has taken its message, and serves "
        f"no other meanwhile: while one had stopped reading, another one {_lost(starvation)}",
        place,
        send.index,
        starvation=starvation,
        evidence=_pending(send),
    )


def _held_up(bystander: Bystander, starvation: Starvation) -> Occurrence | None:
    found = bystander.held_up(starvation)
    if found is None:
        return None
    index, stack, place = found
    through = " -> ".join(
        f"{frame.function} ({where(frame)})" for frame in stack.stack if frame.user
    )
    return _occurrence(
        bystander,
        f"{_who(bystander, place)} waits {_at(place)} for what the tasks of one client have to take or "
        f"give back: since that client left or stopped reading, another one {_lost(starvation)}",
        place,
        index,
        starvation=starvation,
        evidence=(f"await stack: {through}",),
    )


def _ended(bystander: Bystander, starvation: Starvation) -> Occurrence | None:
    """The task that served both ended with the client that had started it, and said nothing."""
    if not starvation.forever or bystander.got_something:
        return None
    leaver = bystander.leaver
    ended = [
        (index, event.task)
        for index, event in bystander.ended("returned", "cancelled")
        if bystander.is_leavers(event.task)
    ]
    if leaver.returned is not None:
        ended.append((leaver.events.index(leaver.returned), leaver.main_task))
    for index, task in ended:
        if not bystander.serves_both(task):
            continue
        place = _created(bystander, task) or leaver.recording.handler
        return _occurrence(
            bystander,
            f"what sends to every client was started {_at(place)} by the connection of one, and ended "
            f"with it: another client {_lost(starvation)}",
            place,
            index,
            starvation=starvation,
        )
    return None


def _occurrence(
    bystander: Bystander,
    message: str,
    place: StackFrame | None,
    index: int,
    *,
    starvation: Starvation | None = None,
    error: ExceptionInfo | None = None,
    evidence: tuple[str, ...] = (),
    severity: Severity | None = None,
    setting: str = "",
) -> Occurrence:
    late: Severity = "warning" if starvation is not None and not starvation.forever else "error"
    logged = bool(ids(error) & bystander.leaver.logged) if error is not None else False
    if starvation is not None:
        evidence = (
            f"when no client leaves, it gets {starvation.missed} {'messages more' if starvation.partly else 'or more messages'} in that time",
            *evidence,
        )
    return Occurrence(
        code=RULE.code,
        message=message,
        place=place,
        severity=severity or late,
        mark="logged" if logged else "masked",
        index=index,
        fault="app" if place is not None else "framework",
        evidence=evidence,
        setting=setting,
        explains=ids(error) if error is not None else frozenset(),
    )


def _lost(starvation: Starvation) -> str:
    if starvation.partly:
        return "got nothing from it any more"
    return (
        "got nothing any more"
        if starvation.forever
        else f"got nothing for {seconds(starvation.length)}"
    )


def _waits_since(bystander: Bystander, starvation: Starvation, task: int) -> tuple[str, ...]:
    found = bystander.held_up(starvation)
    if found is None or found[1].task != task:
        return ()
    return (f"since then it waits at {where(found[2])}, for something that is never given back",)


def _pending(send: Send) -> tuple[str, ...]:
    if send.ended is None:
        return ("the send to the client that had stopped reading never returned",)
    waited = seconds(send.ended.time - send.call.time)
    return (f"the send to the client that had stopped reading took {waited}",)


def _place(bystander: Bystander, send: Send) -> StackFrame | None:
    """The user's line that sends, or that started the task that does."""
    return send.call.stack[-1] if send.call.stack else _created(bystander, send.call.task)


def _created(bystander: Bystander, task: int) -> StackFrame | None:
    seen: set[int] = set()
    while task in bystander.tasks and task not in seen:
        seen.add(task)
        created = bystander.tasks[task]
        if created.stack:
            return created.stack[-1]
        task = created.parent
    return None


def _runs(bystander: Bystander, task: int, place: StackFrame | None) -> str:
    created = bystander.tasks.get(task)
    root = created.root if created is not None else None
    return subject(bystander.leaver, root if root is not None and root.user else place)


def _who(bystander: Bystander, place: StackFrame | None) -> str:
    return "the framework" if place is None else subject(bystander.leaver, place)


def _at(place: StackFrame | None) -> str:
    return "outside your code" if place is None else f"at {where(place)}"


_MORE = 3
"""Messages that a client gets that stays: more than may be under way when the other one leaves."""

_STARVED = 12
"""Wall seconds in which it gets them at least, in an emitted test; longer where they are rare."""

_HARMS = 5
"""Wall seconds in which it goes on getting them: a queue for the other one may first have to fill."""


RULE = Rule(
    code="WSD405",
    name="bystander-harmed",
    summary="because one client left or stalled, another one stopped receiving, was delayed or lost its connection",
    severity="error; warning if it was merely delayed",
    effect="lost",
    happens="another client is harmed",
    why=(
        "One closed laptop or one bad mobile link cuts off every client in the room, without an error on "
        "their side: their connections stay open, and nothing comes. An application that sends to one client "
        "after the other serves them all at the pace of the slowest, and a client that has stopped reading "
        "has no pace."
    ),
    silence=(
        "If the clients belong together, as the players of a game, and are to end together: tell those "
        "who stay, or close their connections; then nothing is reported. `--no-bystander` leaves such "
        "cases out."
    ),
    remedies={
        **worded(
            "",
            "Give each client a queue of its own with a bound, and a task that empties it. To send to all "
            "is then to put without waiting; whose queue is full is too slow, and misses a message (or is "
            "disconnected):",
            """
            def publish(text: str) -> None:
                for queue in queues:
                    with suppress(asyncio.QueueFull):
                        queue.put_nowait(text)
            """,
            {
                "": "Or give each send a limit, and expect it to fail; who does not take a message in time is "
                "not sent to again:",
                "quart": "",
                "channels": "",
            },
            {
                "": """
                    async def publish(text: str) -> None:
                        for client in list(clients):
                            try:
                                async with asyncio.timeout(1):
                                    await client.send_text(text)
                            except (TimeoutError, WebSocketDisconnect, RuntimeError):
                                clients.discard(client)
                """,
                "asgi": """
                    async def publish(text: str) -> None:
                        for send in list(clients):
                            try:
                                async with asyncio.timeout(1):
                                    await send({"type": "websocket.send", "text": text})
                            except (TimeoutError, OSError):
                                clients.discard(send)
                """,
                "quart": "",
                "channels": "",
            },
        ),
        **worded(
            "registry",
            "Remove only your own entry. Two clients may have the same name, and the one that leaves need not be "
            "the last that came:",
            OWN_ENTRY,
        ),
        **worded("strangers-task", OWN_TASK, CANCEL_THEN_WAIT),
        "/service": remedy(
            "What serves everybody has to outlive each of them. Take out what belongs to a client when that leaves, "
            "go through a copy, for it may do so meanwhile, and let no error of one keep the others from "
            "their message:",
            """
            def publish(text: str) -> None:
                for queue in list(queues):
                    try:
                        queue.put_nowait(text)
                    except Exception:
                        log.exception("a client was left out")
                        queues.discard(queue)
            """,
        ),
        "litestar": remedy(
            "Use the channels plug-in with a backlog (`subscriber_max_backlog`), or give each send a "
            "limit, and expect it to fail; who does not take a message in time is not sent to again:",
            """
            async def publish(text: str) -> None:
                for client in list(clients):
                    try:
                        async with asyncio.timeout(1):
                            await client.send_text(text)
                    except (TimeoutError, WebSocketDisconnect, OSError):
                        clients.discard(client)
            """,
        ),
    },
    detect=detect,
    in_company=True,
    rank=190,
    checks={
        "": check(
            "bystander",
            f"in_time, until = True, loop.time() + {_HARMS}",
            "while in_time and loop.time() < until:",
            f"    in_time = await gets(other, {_MORE}, max({_STARVED}, {_MORE} * usual))",
            'assert in_time, "another client got nothing any more, or lost its connection"',
        ),
    },
    signatures=(
        Signature(
            order=270,
            example="RuntimeError: Set changed size during iteration",
            pattern=r"(?:changed size|mutated|changed) during iteration",
            means="a client came or left while a loop over the connections was waiting, and the loop broke off",
            needle="during iteration",
            last_line=True,
            proof=False,
        ),
    ),
)
