"""The task observer: birth, cancellation and end of every task that a connection starts."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Coroutine, Generator, Iterable
from types import CodeType, FrameType
from typing import Any, Literal

from wsdoctor.diagnosis.cancellations import cancelled_at
from wsdoctor.private.anyio import wrapped_coroutine
from wsdoctor.private.asyncio import HANDLE_RUN, awaited_future, stored_exception
from wsdoctor.recording.events import (
    CancelRequested,
    Stack,
    StackFrame,
    TaskCreated,
    TaskEnded,
    TasksKeptApart,
    TaskStack,
)
from wsdoctor.session.awareness import Awareness
from wsdoctor.session.interruptions import InterruptionObserver
from wsdoctor.session.recorder import NO_ORDER, Recorder
from wsdoctor.session.stacks import await_stack
from wsdoctor.session.threads import current_connection

Birth = tuple[StackFrame | None, StackFrame | None]
"""The function that a task runs, and the user's line that started it."""


class Task(asyncio.Task[Any]):
    """asyncio's own task, which also says who cancels it. Its name is in asyncio's messages."""

    def __init__(
        self,
        coro: Any,
        *,
        number: int,
        connection: int,
        order: tuple[Stack, bool],
        observer: TaskObserver,
        **options: Any,
    ) -> None:
        # First: an eager task runs before its constructor returns (asyncio.eager_task_factory).
        self.wsdoctor_number = number
        self.wsdoctor_connection = connection
        self.wsdoctor_cancelled: list[float] = []
        self.wsdoctor_order = order
        self._observer = observer
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        """The task's number: by its address the order of a set of tasks would be chance.

        anyio cancels the tasks of a group in that order, and ``asyncio.wait`` returns such sets.
        """
        return self.wsdoctor_number

    def cancel(self, msg: Any = None) -> bool:
        if not self.wsdoctor_connection or self.done():
            return super().cancel(msg)
        self._observer.cancel_requested(self)
        self.wsdoctor_cancelled.append(self._observer.now())
        cancelled = super().cancel(msg)
        self._observer.interruptions.look_after(self)
        return cancelled

    def __await__(self) -> Generator[Any, None, Any]:
        if self.done():
            self._observer.awareness.hears_of(self)
        return super().__await__()

    def result(self) -> Any:
        self._observer.awareness.hears_of(self)
        return super().result()

    def exception(self) -> BaseException | None:
        self._observer.awareness.hears_of(self)
        return super().exception()

    def uncancel(self) -> int:
        if self.wsdoctor_cancelled:
            self.wsdoctor_cancelled.pop()
        return super().uncancel()


class TaskObserver:
    """Numbers the tasks of a loop and records those that belong to a connection.

    Tasks are attributed by the context variable CONNECTION, which every task inherits from the
    one that creates it, or else by that one itself. Only weak references are kept. ``of_all``: those
    that the application starts for itself are recorded as well, as connection 0.
    """

    def __init__(self, recorder: Recorder, awareness: Awareness, *, of_all: bool = False) -> None:
        self._recorder = recorder
        self.awareness = awareness
        self._of_all = of_all
        self._created = 0
        self._factory: Any = None
        self._of_connections: weakref.WeakSet[asyncio.Task[Any]] = weakref.WeakSet()
        self._births: dict[int, Birth] = {}
        self.interruptions = InterruptionObserver(recorder)

    def now(self) -> float:
        return self._recorder.now()

    def install(self, loop: asyncio.AbstractEventLoop) -> None:
        """Become the task factory of ``loop``, and stay it: a factory of the application's is used by us."""
        loop.set_task_factory(self.create)

        def set_task_factory(factory: Any) -> None:
            self._factory = factory

        loop.set_task_factory = set_task_factory  # type: ignore[method-assign]  # of this one loop
        loop.get_task_factory = lambda: self._factory  # type: ignore[method-assign]  # …

    def create(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **options: Any,
    ) -> asyncio.Future[Any]:
        """A task for ``coro``: the loop's task factory (asyncio, "Extending")."""
        self._created += 1
        number, connection = self._created, current_connection()
        if options.get("name") is None:
            # asyncio numbers tasks through the life of the process: no two sessions would be equal.
            options["name"] = f"Task-{number}"
        order = NO_ORDER
        recorded = bool(connection) or (loop.is_running() and self._is_applications(coro))
        if recorded:
            order = self._born(number, connection, options["name"], coro)
        factory = self._factory
        if factory is not None and factory is not _EAGER:
            return self._made_by(factory, (number, connection), loop, coro, options)
        if factory is _EAGER:
            options.setdefault("eager_start", True)
        task = Task(
            coro,
            number=number,
            connection=connection,
            order=order,
            observer=self,
            loop=loop,
            **options,
        )
        if recorded:
            self._adopt(task, connection)
            task.add_done_callback(self._ended)
        return task

    def _is_applications(self, coro: object) -> bool:
        """Whether the application starts ``coro`` for itself, and that is to be recorded."""
        if not self._of_all:
            return False
        root = self._root(wrapped_coroutine(coro))
        return (root is not None and root.user) or bool(self._recorder.calling_stack())

    def _made_by(
        self, factory: Any, task: tuple[int, int], loop: Any, coro: Any, options: dict[str, Any]
    ) -> asyncio.Future[Any]:
        """The task that a factory of the application's makes. wsdoctor cannot see who cancels it.

        An eager task of another class has no number in its first step.

        ``task`` has its number and the number of its connection.
        """
        number, connection = task
        if sys.version_info < (3, 13):
            name = options.pop("name")  # asyncio names it afterwards
        else:
            name = options["name"]
        made = factory(loop, coro, **options)
        if isinstance(made, asyncio.Task):
            made.set_name(name)
            for attribute, value in (("number", number), ("connection", connection)):
                setattr(made, f"wsdoctor_{attribute}", value)
            if connection:
                self._of_connections.add(made)
                made.add_done_callback(self._ended)
        return made  # type: ignore[no-any-return]  # whatever it is, it is what the application wants

    def _born(self, number: int, connection: int, name: str, coro: object) -> tuple[Stack, bool]:
        """Record its birth; where the thread was that had it made, if another one had."""
        recorder = self._recorder
        coro = wrapped_coroutine(coro)
        parent = asyncio.current_task()
        stack = recorder.calling_stack()
        root = self._root(coro)
        self._births[number] = (root, stack[-1] if stack else None)
        recorder.add(
            TaskCreated(
                **recorder.here(),
                connection=connection,
                task=number,
                name=name,
                coroutine=getattr(coro, "__qualname__", type(coro).__qualname__),
                parent=getattr(parent, "wsdoctor_number", 0),
                stack=stack,
                through=() if stack else recorder.calling_packages(),
                root=root,
            )
        )
        return recorder.order() if parent is None else NO_ORDER

    def _root(self, coro: object) -> StackFrame | None:
        code = getattr(coro, "cr_code", None)
        if not isinstance(code, CodeType):
            return None
        namespace = getattr(getattr(coro, "cr_frame", None), "f_globals", None)
        return self._recorder.frame(code, code.co_firstlineno, namespace)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self.interruptions.ended(task)
        if task.cancelled():
            # A task that waits for it gets its CancelledError, and has not run yet.
            for waiting in self._of_connections:
                if awaited_future(waiting) is task:
                    self.interruptions.cancelled(waiting, "app", awaited=_number(task))
                    self.interruptions.look_after(waiting)
        recorder = self._recorder
        error = None if task.cancelled() else stored_exception(task)
        outcome: Literal["returned", "raised", "cancelled"]
        outcome = "cancelled" if task.cancelled() else "returned" if error is None else "raised"
        recorder.add(
            TaskEnded(
                **recorder.here(),
                connection=_of(task),
                task=_number(task),
                outcome=outcome,
                exception=recorder.exception(error),
            )
        )

    def adopt(self, connection: int) -> None:
        """The running task belongs to ``connection``: the server started it before it was known."""
        task = asyncio.current_task()
        if isinstance(task, Task):
            self._adopt(task, connection)
            task.add_done_callback(self.interruptions.ended)

    def _adopt(self, task: Task, connection: int) -> None:
        task.wsdoctor_connection = connection
        self._of_connections.add(task)

    def cancel_requested(self, task: Task) -> None:
        recorder = self._recorder
        by = _canceller()
        recorder.add(
            CancelRequested(
                **recorder.here(),
                connection=task.wsdoctor_connection,
                task=task.wsdoctor_number,
                by=by,
                stack=recorder.calling_stack(),
                caller=current_connection(),
            )
        )
        self.interruptions.cancelled(task, by)

    def alive(self, connection: int) -> list[asyncio.Task[Any]]:
        """The unfinished tasks of ``connection``, oldest first, the application's own call included."""
        found = [
            task for task in self._of_connections if _of(task) == connection and not task.done()
        ]
        return sorted(found, key=_number)

    def births(self, connection: int) -> dict[int, Birth]:
        """How the unfinished tasks of ``connection`` came about that the application started, by number."""
        numbers = map(_number, self.alive(connection))
        return {number: self._births[number] for number in numbers if number in self._births}

    def is_cancelled_somewhere(self, birth: Birth) -> bool:
        """Whether a line of the user's cancels what the line of ``birth`` starts."""
        started = birth[1]
        return started is not None and cancelled_at(self._recorder.sources(), started)[0] > 0

    def report_apart(self, tasks: Iterable[int], count: int, what: str) -> None:
        """``tasks`` of connection 1 never end, nor do those of ``count`` clients that differ in ``what``."""
        recorder = self._recorder
        recorder.add(
            TasksKeptApart(
                **recorder.here(),
                connection=1,
                tasks=tuple(sorted(tasks)),
                count=count,
                apart=what,
            )
        )

    def stacks(self, connection: int) -> tuple[TaskStack, ...]:
        """Where those tasks are suspended."""
        return tuple(
            await_stack(self._recorder, task, _number(task)) for task in self.alive(connection)
        )

    def suspended(self, connection: int) -> tuple[StackFrame, ...]:
        """The user's lines at which those tasks are suspended: every await of every stack."""
        frames = (frame for stack in self.stacks(connection) for frame in stack.stack if frame.user)
        return tuple(dict.fromkeys(frames))


_EAGER = getattr(asyncio, "eager_task_factory", object())
"""asyncio's own (3.12): such tasks can be ours all the same."""


def _of(task: asyncio.Task[Any]) -> int:
    return getattr(task, "wsdoctor_connection", 0)


def _number(task: asyncio.Task[Any]) -> int:
    return getattr(task, "wsdoctor_number", 0)


def _canceller() -> Literal["app", "server", "harness"]:
    """The owner of the code that called ``cancel()``: of the innermost frame that is not asyncio's.

    A time-out or a task group cancels in a callback of asyncio, without a frame of other code below. The
    application set that up, because the server cancels in its own code.
    """
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - documented; above this module's own frames
    while frame is not None and frame.f_code is not HANDLE_RUN:
        module = str(frame.f_globals.get("__name__", ""))
        package = module.partition(".")[0]
        if module.startswith("wsdoctor.session"):
            if not module.endswith(".tasks"):
                return "harness"
        elif package == "uvicorn":
            return "server"
        elif package != "asyncio":
            return "app"
        frame = frame.f_back
    return "app" if frame is not None else "harness"
