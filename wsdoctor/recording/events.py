"""The events of a Recording: everything a session observes, each a frozen struct.

Every event bears ``time`` (seconds of the session's clock since the session began, virtual or
wall) and ``step`` (the iteration of the event loop in which it happened). ``connection`` numbers
the client connections of a session from 1; 0 is "no connection" (the server, the harness).
``task`` numbers asyncio tasks in the order of their creation; 0 is "no task".

Nothing in this package runs anything: it imports no asyncio, no server and no printer.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class StackFrame(Struct, frozen=True):
    """One frame of a stack or traceback.

    ``user`` is true for the code under test, false for the standard library, installed packages
    and wsdoctor itself. ``first_line`` is the line of the function's ``def``. ``package`` is the name by
    which an installed package is imported, empty for all other code.
    """

    file: str
    line: int
    function: str
    user: bool
    first_line: int = 0
    package: str = ""


Stack = tuple[StackFrame, ...]
"""Outermost frame first."""


class ExceptionInfo(Struct, frozen=True):
    """An exception as it was at one boundary.

    ``id`` is the same for the same exception object throughout one Recording, so an exception can
    be followed from the call that raised it to the boundary that it left. ``bases`` are the
    qualified names of its classes in method resolution order, its own first. ``stack`` is its
    traceback, outermost first: the first frame is the one that handles it or lets it pass.
    """

    id: int
    type: str
    bases: tuple[str, ...]
    message: str
    stack: Stack = ()
    cause: ExceptionInfo | None = None
    context: ExceptionInfo | None = None
    members: tuple[ExceptionInfo, ...] = ()
    """The exceptions of an exception group."""
    refuses: tuple[str, ...] = ()
    """The parts of the request that it complains of, e.g. ``query limit`` (a validation error)."""
    knew: bool = False
    """Starlette raised it instead of reading, in code that knew that a send had been refused."""


class TaskStack(Struct, frozen=True):
    """Where a suspended task is: its await stack and, in words, what the innermost frame awaits.

    ``awaited_task`` is the number of the task it waits for, 0 if it waits for something else.
    ``asked_to_end`` is when it was first cancelled of all the times that it has not answered, neither
    by its end nor by ``uncancel()``.
    ``answers`` is the user's method that a package calls for the disconnect, by its name, where the
    task is in nothing but that package's code.
    """

    task: int
    stack: Stack
    awaits: str = ""
    awaited_task: int = 0
    asked_to_end: float | None = None
    answers: StackFrame | None = None


class Holder(Struct, frozen=True):
    """A name in the user's code under which something is held.

    A ``global`` of the module ``owner``, a ``timer`` that the function ``owner`` has set, an ``attribute`` of the instances of the class ``owner`` or of
    the ``class`` itself, a ``variable`` of the function ``owner``. The owner of what is in the state of an
    application or of a lifespan is no class, but how it is written: ``app.state``. ``container`` is the type of what is
    held under that name, or deep inside of it, and holds in turn: ``set``, ``dict`` …
    ``inside`` is the class of a package whose object lies between the two, and keeps it: no collection.
    What an object of a library holds is named from the user's name on: ``log.handlers``. ``inside`` is the
    class of that object, and its ``package`` may be one of the standard library.
    """

    kind: Literal["global", "attribute", "class", "variable", "timer"]
    name: str
    owner: str
    container: str
    file: str
    inside: StackFrame | None = None
    at: StackFrame | None = None
    """The line of the user's that put it there, if that has been seen."""
    through: str = ""
    """The name that leads to this object, if several objects of the class have such a number."""


class Event(Struct, frozen=True, kw_only=True, tag_field="event", tag=True):
    time: float
    step: int


# --- the client -----------------------------------------------------------------------------


class ClientActed(Event, frozen=True, kw_only=True):
    """The client did something that is not a frame: connect, reset, half-close, stop reading …

    ``disconnects`` marks the act that the case is about.
    """

    connection: int
    act: str
    detail: str = ""
    disconnects: bool = False


class FrameSent(Event, frozen=True, kw_only=True):
    """The client wrote a WebSocket frame (RFC 6455, section 5)."""

    connection: int
    opcode: str
    size: int
    code: int | None = None
    preview: str = ""


class FrameReceived(Event, frozen=True, kw_only=True):
    """The client read a WebSocket frame."""

    connection: int
    opcode: str
    size: int
    code: int | None = None
    preview: str = ""


class HandshakeAccepted(Event, frozen=True, kw_only=True):
    """The client got its 101 response."""

    connection: int
    subprotocol: str | None = None


class HandshakeRefused(Event, frozen=True, kw_only=True):
    """The client got another response than 101, or none (status 0)."""

    connection: int
    status: int
    detail: str = ""


class ClientEnded(Event, frozen=True, kw_only=True):
    """The client's side of the connection is over.

    ``code`` is the close code that the client saw: 1005 if the close frame had none, 1006 if no
    close frame came (RFC 6455, section 7.1.5).
    """

    connection: int
    code: int
    reason: str = ""


class HttpExchanged(Event, frozen=True, kw_only=True):
    """The user's driver made an HTTP request; ``status`` 0: no answer came. The query is left out."""

    method: str
    path: str
    status: int


# --- the application, at the ASGI boundary ----------------------------------------------------


class AppCalled(Event, frozen=True, kw_only=True):
    """The server called the application with a ``websocket`` scope."""

    connection: int
    path: str
    task: int


class AppReturned(Event, frozen=True, kw_only=True):
    """The application's callable returned, or raised ``exception``."""

    connection: int
    exception: ExceptionInfo | None = None


class ReceiveCalled(Event, frozen=True, kw_only=True):
    """The application called ``receive()``. ``call`` numbers the calls of the connection.

    ``stack`` are the user's frames. Where there are none, ``through`` is the innermost frame of each
    package that the call came through.
    """

    connection: int
    call: int
    task: int
    stack: Stack = ()
    through: Stack = ()


class ReceiveReturned(Event, frozen=True, kw_only=True):
    """``receive()`` gave ``message`` to the application, or raised."""

    connection: int
    call: int
    message: str
    code: int | None = None
    size: int = 0
    exception: ExceptionInfo | None = None


class SendCalled(Event, frozen=True, kw_only=True):
    """The application called ``send(message)``; ``stack`` and ``through`` are those of ReceiveCalled.

    ``through`` is there, too, where ``sender`` is not the user.

    ``handling`` is the exception that was being handled by the calling stack at that moment; the
    first frame of its stack is the frame that caught it. ``sender`` is ``framework`` if none of the
    user's frames lies between that frame (or, without one, the start of the task) and the call.
    Functions of the user's that hand on the framework's message, in middleware, are not in ``stack``,
    and an application that called another one does not count as the sender.
    ``told``: the code that calls knows that the connection is over. It received
    ``websocket.disconnect``; or it was woken by code that knows; or a framework's frame that led to
    the call has the message among its variables.
    ``reason_size`` is that of a close's reason, in bytes of UTF-8: None if it cannot be encoded.
    ``mistyped`` says which field of a close is of a wrong type, and of which.
    """

    connection: int
    call: int
    message: str
    task: int
    code: int | None = None
    reason_size: int | None = 0
    mistyped: str = ""
    size: int = 0
    stack: Stack = ()
    through: Stack = ()
    handling: ExceptionInfo | None = None
    sender: Literal["user", "framework"] = "user"
    told: bool = False


class SendReturned(Event, frozen=True, kw_only=True):
    """The server's ``send()`` returned, or raised ``exception``."""

    connection: int
    call: int
    exception: ExceptionInfo | None = None


# --- asyncio ------------------------------------------------------------------------------------


class TaskCreated(Event, frozen=True, kw_only=True):
    """A task was created on behalf of ``connection``, by task ``parent``, at ``stack``.

    ``through`` is that of ReceiveCalled.
    """

    connection: int
    task: int
    name: str
    coroutine: str
    parent: int
    stack: Stack = ()
    through: Stack = ()
    root: StackFrame | None = None
    """The function that the task runs."""


class TaskEnded(Event, frozen=True, kw_only=True):
    connection: int
    task: int
    outcome: Literal["returned", "raised", "cancelled"]
    exception: ExceptionInfo | None = None


class CancelRequested(Event, frozen=True, kw_only=True):
    """``task.cancel()`` was called: ``by`` the app (or its framework), the server, or wsdoctor.

    ``connection`` is that of the task; ``caller`` that on whose behalf it was called, 0 for none.
    """

    connection: int
    task: int
    by: Literal["app", "server", "harness"]
    stack: Stack = ()
    caller: int = 0


class CancelArrived(Event, frozen=True, kw_only=True):
    """A CancelledError was raised in ``task``, and ended user's functions in which it was suspended.

    ``stack`` is where they waited when ``by`` asked for it, outermost first; ``left`` is, for each, the last
    line that it ran, 0 if it goes on. ``again``: another one had arrived before. ``awaited`` is the task that
    was cancelled if it was not ``task`` itself: the one that it waited for.
    """

    connection: int
    task: int
    by: Literal["app", "server", "harness"]
    stack: Stack
    left: tuple[int, ...]
    again: bool = False
    awaited: int = 0


class StacksSampled(Event, frozen=True, kw_only=True):
    """Where the tasks of a connection were suspended.

    ``reason`` is ``teardown`` (the grace time after the end of the connection has passed and the
    handler still runs), ``returned`` (the grace time after the handler's return has passed),
    ``hang`` (the watch ended), ``shutdown`` (the server does not stop) or ``starved`` (a bystander has
    got nothing for a while; the tasks are those of all connections and of the application).
    """

    connection: int
    reason: Literal["teardown", "returned", "hang", "shutdown", "starved"]
    stacks: tuple[TaskStack, ...] = ()


class LoopErrorReported(Event, frozen=True, kw_only=True):
    """The event loop's exception handler was called, e.g. "Task exception was never retrieved".

    ``in_callback``: because a callback that the loop ran had raised. ``made``: the user's frames that
    made the future that it is about, if that is no task and they did so themselves.
    """

    connection: int
    message: str
    task: int = 0
    exception: ExceptionInfo | None = None
    in_callback: bool = False
    made: Stack = ()


class AsyncGeneratorStarted(Event, frozen=True, kw_only=True):
    """An asynchronous generator was iterated for the first time.

    ``task`` is the one that did so, ``iterated_at`` the line if it is the user's own, ``entered_at``
    that at which the user's code entered it as a context manager (contextlib).
    """

    connection: int
    generator: int
    function: str
    location: StackFrame | None = None
    task: int = 0
    iterated_at: StackFrame | None = None
    entered_at: StackFrame | None = None


class AsyncGeneratorSuspended(Event, frozen=True, kw_only=True):
    """Where an asynchronous generator of the connection stood when the end became known.

    ``task`` is the one that started it. A lifespan is such a generator, suspended at its ``yield``.
    """

    connection: int
    generator: int
    task: int
    location: StackFrame


class AsyncGeneratorEnded(Event, frozen=True, kw_only=True):
    """One that stood still when the last message came had ended when the application returned.

    ``location`` is the last line that it ran: a ``yield`` if an exception was thrown in there and
    left the generator. It stands after AppReturned.
    """

    connection: int
    generator: int
    location: StackFrame


class AsyncGeneratorFinalized(Event, frozen=True, kw_only=True):
    """A suspended asynchronous generator lost its last reference, at ``location`` (PEP 525)."""

    connection: int
    generator: int
    function: str
    location: StackFrame | None = None


class UnseenErrorReported(Event, frozen=True, kw_only=True):
    """An exception that only a hook of the interpreter received.

    ``where`` says how: it ended a ``thread`` (threading.excepthook; ``message`` is the thread's name,
    ``started_at`` the user's frames that started it), or it could not propagate (sys.unraisablehook: in
    ``__del__``, or while a coroutine was being closed).
    """

    connection: int
    where: Literal["thread", "unraisable"]
    message: str = ""
    exception: ExceptionInfo | None = None
    started_at: Stack = ()


# --- what a connection leaves behind ------------------------------------------------------------


class ConnectionHeld(Event, frozen=True, kw_only=True):
    """The connection's ``receive`` or ``send`` was still referenced the grace time after the return.

    In most applications that is the framework's connection object, which holds them.
    """

    connection: int


class ConnectionReleased(Event, frozen=True, kw_only=True):
    """One that was held is so no more: it was let go, or the next one took its place."""

    connection: int


class ConnectionsKept(Event, frozen=True, kw_only=True):
    """``count`` connections, made one after the other, are all still referenced.

    ``holders`` are the names under which they are, the likeliest first; none if it is no code of the
    user's that holds them. ``apart``: in what the clients differed; otherwise they were alike, and these
    are all connections of the session.
    """

    connection: int
    count: int
    holders: tuple[Holder, ...] = ()
    apart: str = ""


class TasksKeptApart(Event, frozen=True, kw_only=True):
    """``tasks`` of this connection never end, and each of ``count`` other clients has left others like them.

    A client like the first one leaves none. ``apart``: in what the others differed from it.
    """

    connection: int
    tasks: tuple[int, ...]
    count: int
    apart: str


class Registered(Struct, frozen=True):
    """The user's line with which a container of a library's object grew, and how the library undoes that.

    ``undo`` is the method that does so, empty if the library has none. ``undo_at`` is where the user's
    code calls it, as ``undo_text`` says; ``undone``: that line ran for the client as well. ``lapses``:
    what is put in there is meant to end by itself, like a job.
    """

    put: StackFrame
    undo: str = ""
    undo_at: StackFrame | None = None
    undo_text: str = ""
    undone: bool = False
    lapses: bool = False


class Growth(Struct, frozen=True):
    """``by`` elements more are held under the name ``holder``, including containers within it.

    For a number, ``by`` is the increase, or the decrease if it ``falls``. For a library's container,
    ``registered`` names the call that filled it, if known, and ``limited`` says that its object has a
    limit. ``finished``: the new elements are tasks, or other futures, that are done.
    """

    holder: Holder
    by: int
    falls: bool = False
    registered: Registered | None = None
    limited: bool = False
    finished: bool = False


class ContainersGrew(Event, frozen=True, kw_only=True):
    """Containers have grown with each of ``count`` connections that did what the first one did.

    ``comes_back``: with a client that left quietly, by a close frame when nothing was going on, they
    have not. Otherwise that is what these clients did. ``apart``: in what the clients differed; with
    clients that are alike the containers have not grown. ``refused``: the next client was
    refused, and so was another one a quarter of an hour later, though the first one was accepted.
    ``scheduled``: a function that the user's code gave to ``call_later`` or ``call_at`` is still to be called.
    """

    connection: int
    count: int
    comes_back: bool
    grown: tuple[Growth, ...]
    apart: str = ""
    refused: bool = False
    scheduled: bool = True


class ContainersHeld(Event, frozen=True, kw_only=True):
    """What the containers held more than before any client came.

    ``when`` the first client was ``alone``, when the next one ``came`` whose number is ``connection``,
    when the first one's clean-up was over (``cleaned``), or at the ``end``.
    """

    connection: int
    when: Literal["alone", "came", "cleaned", "end"]
    held: tuple[Growth, ...]


class ContainerShrank(Event, frozen=True, kw_only=True):
    """A line that ran for ``connection`` took something out of a container.

    ``held`` is what is left in it, more than before any client came. ``things``: an object was taken
    out, and not only a name or a number. ``stack`` are the user's frames, the line innermost.
    """

    connection: int
    holder: Holder
    held: int
    things: bool
    stack: Stack


class CleanUpRan(Event, frozen=True, kw_only=True):
    """The user's ``lines`` that ran for ``connection`` since its end could be known, in order, each once."""

    connection: int
    lines: Stack


class LeftThread(Struct, frozen=True):
    """A thread, or a call in one of a pool's, that goes on after the handler's end.

    ``runs`` is what it runs; ``stack`` are the user's frames that started it, in task ``task``. ``inside``
    is the user's function that it is in, without the line, which changes all the time.
    """

    runs: str
    stack: Stack = ()
    task: int = 0
    inside: StackFrame | None = None


class ThreadsLeft(Event, frozen=True, kw_only=True):
    """What the connection started in other threads, and is still at work or waits there.

    Written when the grace time has passed, and again after the second visit; or when the handler has been
    given up.
    """

    connection: int
    threads: tuple[LeftThread, ...]


class TimersLeft(Event, frozen=True, kw_only=True):
    """Timers that the user's code goes on setting on behalf of the connection: where it does.

    Each was set after the handler had returned. Written when the longest watch is over, and again after the
    second visit, of whose connection all timers count that are due.
    """

    connection: int
    places: tuple[StackFrame, ...]


class LeftResource(Struct, frozen=True):
    """Something outside the process, or of a shared pool, that is still open after the handler's end.

    A child ``process``, a ``socket``, a ``file`` or another ``descriptor`` that was opened; or what was
    ``taken`` from a pool. ``what`` says which: ``socket to 127.0.0.1:5432``. ``stack`` are the user's
    frames that opened it, in task ``task``; where there are none, ``through`` is the innermost frame
    of each package. ``starved`` are the user's frames of a later connection that did not get one
    from the same pool.
    """

    kind: Literal["process", "socket", "file", "descriptor", "taken"]
    what: str
    stack: Stack = ()
    through: Stack = ()
    task: int = 0
    starved: Stack = ()


class ResourcesLeft(Event, frozen=True, kw_only=True):
    """What the connection has opened or taken, and is still open or out.

    Written when the grace time has passed, when it has been watched, and again after later visits.
    Empty when all that there was is closed. ``timers``: a callback is set on behalf of the connection,
    which may be to close it.
    """

    connection: int
    resources: tuple[LeftResource, ...]
    timers: bool = False


class LockMet(Struct, frozen=True):
    """What became of a later connection that wanted a lock which the first one has left held.

    It ``waits`` for it to the end, has waited for ``seconds`` ``in-vain`` (a time-out, a cancellation),
    was ``refused`` at once, or ``keeps`` another permit in the same way. ``stack`` are the user's frames
    that asked for it.
    """

    connection: int
    how: Literal["waits", "in-vain", "refused", "keeps"]
    stack: Stack
    seconds: float = 0.0


class LeftLock(Struct, frozen=True):
    """A lock, or a permit of a semaphore or limiter, that is still held for a task which has ended.

    ``lock`` numbers the locks of a session, ``kind`` is ``asyncio.Lock``, ``anyio.Semaphore`` … ``stack`` are
    the user's frames that acquired it, in task ``task``, and ``since`` is when they had it. ``free`` are
    the permits that can still be had.
    """

    lock: int
    kind: str
    task: int
    since: float
    stack: Stack
    free: int | None = None
    met: tuple[LockMet, ...] = ()


class LocksLeft(Event, frozen=True, kw_only=True):
    """What the connection acquired, and has neither released nor thrown away.

    Written when the grace time has passed, and again after the second visit.
    """

    connection: int
    locks: tuple[LeftLock, ...]


class ProbeRead(Event, frozen=True, kw_only=True):
    """What a probe of the user's said ``before`` a connection, or ``after`` its handler's end.

    ``value`` is its text; of a collection its size, as text. ``exception``: it raised instead.
    """

    connection: int
    probe: str
    when: Literal["before", "after"]
    value: str = ""
    exception: ExceptionInfo | None = None


# --- logs, warnings, the server, the harness ------------------------------------------------------


class LogEmitted(Event, frozen=True, kw_only=True):
    """A log record. ``stack`` are the frames of a traceback that is part of the ``message``.

    ``by_user``: a line of the user's code called the logger.
    """

    connection: int
    logger: str
    level: str
    message: str
    exception: ExceptionInfo | None = None
    stack: Stack = ()
    by_user: bool = False


class WarningIssued(Event, frozen=True, kw_only=True):
    connection: int
    category: str
    message: str
    file: str
    line: int


class TransportLost(Event, frozen=True, kw_only=True):
    """The server's transport of ``connection`` is gone: from now on the server knows."""

    connection: int


class ServerPhase(Event, frozen=True, kw_only=True):
    """``startup-failed`` is a failed ASGI lifespan; ``failed`` is an exception of the server's own."""

    phase: Literal["started", "startup-failed", "exit-requested", "stopped", "failed"]
    detail: str = ""
    exception: ExceptionInfo | None = None


class StartupStuck(Event, frozen=True, kw_only=True):
    """The application has not answered ``lifespan.startup`` in all the time that it had.

    That were ``seconds`` of the ``clock``. ``stacks`` are the tasks in the user's code, that of the
    lifespan first.
    """

    seconds: float
    clock: Literal["virtual", "wall"]
    stacks: tuple[TaskStack, ...] = ()


class ScriptStopped(Event, frozen=True, kw_only=True):
    """The client could not get to the chosen moment; ``waiting_for`` says what did not come.

    ``driver`` says what the user's driver did, if that is the reason (``raised KeyError: 'x'``), and
    ``exception`` what it raised.
    """

    connection: int
    waiting_for: str
    driver: str = ""
    exception: ExceptionInfo | None = None


class ObservationEnded(Event, frozen=True, kw_only=True):
    """From here on wsdoctor tears the session down: what follows is its own doing."""


class WorkerLost(Event, frozen=True, kw_only=True):
    """The process that ran the session exited (``returncode``) or had to be ended (None).

    So it is recorded, too, if a SystemExit of the application's left the event loop: a server
    would have ended with it.

    ``samples`` are stacks of its main thread, taken from outside while it did not answer. ``stack`` is where
    it was when it ended by itself, as far as it could still tell, and ``called`` what it called there.
    ``garbled``: it had to be ended because its answer could not be read.
    """

    returncode: int | None
    samples: tuple[Stack, ...] = ()
    stack: Stack = ()
    called: str = ""
    garbled: bool = False


class RecordingFull(Event, frozen=True, kw_only=True):
    """The recording is full: from here on the application's sends never return.

    Some code sends without ever waiting. Later events say nothing about the application.
    """

    limit: int


AnyEvent = (
    ClientActed
    | FrameSent
    | FrameReceived
    | HandshakeAccepted
    | HandshakeRefused
    | ClientEnded
    | HttpExchanged
    | AppCalled
    | AppReturned
    | ReceiveCalled
    | ReceiveReturned
    | SendCalled
    | SendReturned
    | TaskCreated
    | TaskEnded
    | CancelRequested
    | CancelArrived
    | StacksSampled
    | LoopErrorReported
    | UnseenErrorReported
    | AsyncGeneratorStarted
    | AsyncGeneratorSuspended
    | AsyncGeneratorEnded
    | AsyncGeneratorFinalized
    | ConnectionHeld
    | ConnectionReleased
    | ConnectionsKept
    | TasksKeptApart
    | ContainersGrew
    | ContainersHeld
    | ContainerShrank
    | CleanUpRan
    | ThreadsLeft
    | TimersLeft
    | ResourcesLeft
    | LocksLeft
    | ProbeRead
    | LogEmitted
    | WarningIssued
    | TransportLost
    | ServerPhase
    | StartupStuck
    | ScriptStopped
    | ObservationEnded
    | WorkerLost
    | RecordingFull
)
