"""WSD302 unretrieved-task-exception: "Task exception was never retrieved"."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import COLLECTED, TASKS_ENDED, WATCHED, check
from wsdoctor.diagnosis.exceptions import (
    chain,
    ids,
    is_disconnect,
    is_foreign_context,
    is_os_error,
    leaves,
    name,
    user_frames,
)
from wsdoctor.diagnosis.finding import Fault
from wsdoctor.diagnosis.location import innermost, is_users, origin_of, raised_at, subject, where
from wsdoctor.diagnosis.logged import Signature
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import (
    RESET_WHERE_SET,
    WHERE_CONTEXTS_DIFFER,
    remedy,
    worded,
)
from wsdoctor.diagnosis.rules._snippets import EXPECT_THE_END, RESET
from wsdoctor.recording.events import (
    ExceptionInfo,
    LoopErrorReported,
    TaskCreated,
    UnseenErrorReported,
)


def detect(connection: Connection) -> Iterator[Occurrence]:
    for event in connection.unretrieved:
        if event.exception in connection.misread_by_tasks:
            continue
        task = connection.tasks.get(event.task)
        error = event.exception
        place = (
            origin_of(connection, task)
            if task
            else event.made[-1]
            if event.made
            else innermost(connection, error.stack if error else ())
        )
        fault = _fault(connection, task, error)
        if fault == "framework":
            place = None
        who = (
            f"the task `{task.coroutine.rpartition('.')[2]}` started at {where(place)}"
            if task
            else f"the future that {subject(connection, place)} makes at {where(place)}"
            if event.made
            else f"a future of {subject(connection, place)}"
        )
        what = name(error) if error else "an exception"
        raised = raised_at(error) if error else None
        if raised is not None and raised != place:
            what += f" (raised at {where(raised)})"
        yield Occurrence(
            code=RULE.code,
            message=f"{who} ended with {what}, and nothing awaits it",
            place=place,
            severity="error",
            mark="logged",
            index=connection.events.index(event),
            fault=fault,
            evidence=(event.message,),
            explains=ids(error),
            blamed_on=ids(error),
            setting=_setting(event, error),
        )
        return
    yield from _threads(connection)


def _threads(connection: Connection) -> Iterator[Occurrence]:
    """The first thread of the connection's that ended with an exception (threading.excepthook)."""
    for index, event in enumerate(connection.events):
        if (
            not isinstance(event, UnseenErrorReported)
            or event.where != "thread"
            or event.connection != connection.number
            or event.exception is None
        ):
            continue
        error = event.exception
        place = event.started_at[-1] if event.started_at else innermost(connection, error.stack)
        users = bool(event.started_at) or any(user_frames(link) for link in chain(error))
        yield Occurrence(
            code=RULE.code,
            message=f"the thread `{event.message}` started at {where(place)} ended with {name(error)}, and no code learns of it",
            place=place,
            severity="error",
            mark="masked",
            index=index,
            fault="app" if users else "framework",
            evidence=("it went to threading.excepthook, which prints it",),
            explains=ids(error),
            blamed_on=ids(error),
        )
        return


def _fault(connection: Connection, task: TaskCreated | None, error: ExceptionInfo | None) -> Fault:
    if error is not None and _is_false_alarm(connection, error):
        return "server"
    if task is None or is_users(connection, task):
        return "app"
    # A library started it, and should have looked at what became of it, unless it came from the user's.
    return "app" if any(user_frames(link) for link in chain(error)) else "framework"


def _setting(event: LoopErrorReported, error: ExceptionInfo | None) -> str:
    if error and any(map(is_foreign_context, leaves(error))):
        return "context"
    if event.message.startswith("Future "):
        return "future"
    return "disconnect" if error and _is_the_end(error) else ""


def _is_the_end(error: ExceptionInfo) -> bool:
    return all(is_disconnect(leaf) or is_os_error(leaf) for leaf in leaves(error))


def _is_false_alarm(connection: Connection, error: ExceptionInfo) -> bool:
    """Whether it is only a RuntimeError of the server's, for a send that it should have let through.

    uvicorn raises it on a connection that it is closing by itself, before it has told anybody. By
    the specification that would be an OSError, which the task might have expected.
    """
    return all(leaf.id in connection.refusals and not is_os_error(leaf) for leaf in leaves(error))


_RECORD = """
    try:
        await record(...)
    except (KeyError, ValueError):
        ...
"""

RULE = Rule(
    code="WSD302",
    name="unretrieved-task-exception",
    summary="a task or thread of the connection failed and nothing awaited it",
    severity="error",
    effect="escape",
    happens="the exception of a task is never retrieved",
    why=(
        'asyncio logs "Task exception was never retrieved" when the garbage collector happens to '
        "find the task: an error without a request, at a time that has nothing to do with its "
        "cause. Until then no log says that the work was not done."
    ),
    silence="Never: await the task, or let it deal with its errors itself.",
    remedies={
        **worded(
            "",
            "Await the work where you start it, and deal with its errors there:",
            {
                "": """
                    try:
                        await record(await websocket.receive_text())
                    except (KeyError, ValueError):
                        await websocket.send_text("no such event")
                """,
                **dict.fromkeys(("asgi", "quart", "channels"), _RECORD),
            },
            "If it has to run beside the handler, the task deals with its errors itself: put the "
            "`try` into it.",
        ),
        **worded(
            "disconnect",
            "That the client has left is no error of the task's. Let it end quietly:",
            EXPECT_THE_END,
            "And cancel it, and wait for it, where you started it (wsdoctor explain WSD301).",
        ),
        "/context": remedy(RESET_WHERE_SET, RESET, WHERE_CONTEXTS_DIFFER),
        "/future": remedy(
            "Await the future in every case, or cancel it when the connection ends. A cancelled future has no "
            "error to retrieve:",
            """
            answer = asyncio.get_running_loop().create_future()
            pending[number] = answer
            try:
                ...
            finally:
                del pending[number]
                answer.cancel()
            """,
            "Where it is answered, ask first whether a task still waits:",
            """
            if not answer.done():
                answer.set_exception(error)
            """,
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/asyncio-dev.html#detect-never-retrieved-exceptions",),
    rank=290,
    lateness="neither",
    checks={
        "": check(
            "tasks unretrieved",
            WATCHED,
            TASKS_ENDED,
            COLLECTED,
            'assert not complaints, f"asyncio complains: {complaints}"',
        ),
    },
    signatures=(
        Signature(
            order=240,
            example="Task exception was never retrieved",
            pattern=r"(?:Task|Future) exception was never retrieved",
            means="a task failed, and nothing awaits it",
            needle="exception was never retrieved",
            above=True,
            proof=False,
        ),
    ),
)
