"""The task observer: birth, cancellation and end of every task that a connection starts."""

from __future__ import annotations

import asyncio
import sys
import weakref
from collections.abc import Coroutine, Generator
from types import CodeType, FrameType
from typing import Any, Literal

from wsdoctor.recording.events import (
    CancelRequested,
    StackFrame,
    TaskCreated,
    TaskEnded,
    TaskStack,
)
from wsdoctor.session.recorder import CONNECTION, NO_ORDER, Recorder
from wsdoctor.session.stacks import await_stack
from wsdoctor.sim.private import HANDLE_RUN, stored_exception, wrapped_coroutine


class Task(asyncio.Task[Any]):
    """asyncio's own task, which also says who cancels it. Its name is in asyncio's messages."""

    def __init__(self, coro: Any, *, number: int, observer: TaskObserver, **options: Any) -> None:
        self.wsdoctor_number = number
        self.wsdoctor_connection = 0
        self.wsdoctor_cancelled: list[float] = []
        self.wsdoctor_order = NO_ORDER
        self._observer = observer
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        """The task's number: by its address the order of a set of tasks would be chance.

        anyio cancels the tasks of a group in that order, and ``asyncio.wait`` returns such sets.
        """
        return self.wsdoctor_number

    def cancel(self, msg: Any = None) -> bool:
        if self.wsdoctor_connection and not self.done():
            self._observer.cancel_requested(self)
            self.wsdoctor_cancelled.append(self._observer.now())
        return super().cancel(msg)

    def uncancel(self) -> int:
        if self.wsdoctor_cancelled:
            self.wsdoctor_cancelled.pop()
        return super().uncancel()


class TaskObserver:
    """Numbers the tasks of a loop and records those that belong to a connection.

    Tasks are attributed by the context variable CONNECTION, which every task inherits from the
    one that creates it. Only weak references are kept. ``of_all``: those that the application
    starts for itself are recorded as well, as connection 0.
    """

    def __init__(self, recorder: Recorder, *, of_all: bool = False) -> None:
        self._recorder = recorder
        self._of_all = of_all
        self._created = 0
        self._of_connections: weakref.WeakSet[Task] = weakref.WeakSet()

    def now(self) -> float:
        return self._recorder.now()

    def create(
        self,
        loop: asyncio.AbstractEventLoop,
        coro: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
        **options: Any,
    ) -> asyncio.Future[Any]:
        """A task for ``coro``: the loop's task factory (asyncio, "Extending")."""
        self._created += 1
        if options.get("name") is None:
            # asyncio numbers tasks through the life of the process: no two sessions would be equal.
            options["name"] = f"Task-{self._created}"
        task = Task(coro, number=self._created, observer=self, loop=loop, **options)
        if number := CONNECTION.get():
            self._born(task, number, coro)
        elif self._of_all and loop.is_running() and self._is_applications(coro):
            self._born(task, 0, coro)
        return task

    def _is_applications(self, coro: object) -> bool:
        root = self._root(wrapped_coroutine(coro))
        return (root is not None and root.user) or bool(self._recorder.calling_stack())

    def _born(self, task: Task, connection: int, coro: object) -> None:
        self._adopt(task, connection)
        recorder = self._recorder
        coro = wrapped_coroutine(coro)
        parent = asyncio.current_task()
        if parent is None:
            task.wsdoctor_order = recorder.order()
        stack = recorder.calling_stack()
        recorder.add(
            TaskCreated(
                time=recorder.now(),
                step=recorder.step(),
                connection=connection,
                task=task.wsdoctor_number,
                name=task.get_name(),
                coroutine=getattr(coro, "__qualname__", type(coro).__qualname__),
                parent=getattr(parent, "wsdoctor_number", 0),
                stack=stack,
                through=() if stack else recorder.calling_packages(),
                root=self._root(coro),
            )
        )
        task.add_done_callback(self._ended)

    def _root(self, coro: object) -> StackFrame | None:
        code = getattr(coro, "cr_code", None)
        return (
            self._recorder.frame(code, code.co_firstlineno) if isinstance(code, CodeType) else None
        )

    def _ended(self, task: asyncio.Task[Any]) -> None:
        if not isinstance(task, Task):
            return
        recorder = self._recorder
        error = None if task.cancelled() else stored_exception(task)
        outcome: Literal["returned", "raised", "cancelled"]
        outcome = "cancelled" if task.cancelled() else "returned" if error is None else "raised"
        recorder.add(
            TaskEnded(
                time=recorder.now(),
                step=recorder.step(),
                connection=task.wsdoctor_connection,
                task=task.wsdoctor_number,
                outcome=outcome,
                exception=recorder.exception(error),
            )
        )

    def adopt(self, connection: int) -> None:
        """The running task belongs to ``connection``: the server started it before it was known."""
        task = asyncio.current_task()
        if isinstance(task, Task):
            self._adopt(task, connection)

    def _adopt(self, task: Task, connection: int) -> None:
        task.wsdoctor_connection = connection
        self._of_connections.add(task)

    def cancel_requested(self, task: Task) -> None:
        recorder = self._recorder
        recorder.add(
            CancelRequested(
                time=recorder.now(),
                step=recorder.step(),
                connection=task.wsdoctor_connection,
                task=task.wsdoctor_number,
                by=_canceller(),
                stack=recorder.calling_stack(),
            )
        )

    def alive(self, connection: int) -> list[Task]:
        """The unfinished tasks of ``connection``, oldest first, the application's own call included."""
        found = [
            task
            for task in self._of_connections
            if task.wsdoctor_connection == connection and not task.done()
        ]
        return sorted(found, key=lambda task: task.wsdoctor_number)

    def stacks(self, connection: int) -> tuple[TaskStack, ...]:
        """Where those tasks are suspended."""
        return tuple(
            await_stack(self._recorder, task, task.wsdoctor_number)
            for task in self.alive(connection)
        )

    def suspended(self, connection: int) -> tuple[StackFrame, ...]:
        """The user's lines at which those tasks are suspended: every await of every stack."""
        frames = (frame for stack in self.stacks(connection) for frame in stack.stack if frame.user)
        return tuple(dict.fromkeys(frames))


def _canceller() -> Literal["app", "server", "harness"]:
    """Whose code called ``cancel()``: the innermost frame that is not asyncio's.

    A time-out or a task group cancels in a callback of asyncio's own, with nobody else's frame
    below: what set it up was the application's, for the server cancels in its own code.
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
