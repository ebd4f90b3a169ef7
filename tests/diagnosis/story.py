"""Recordings made by hand: one connection, told event by event."""

from __future__ import annotations

from typing import Any, Literal

from wsdoctor.recording import events as e
from wsdoctor.recording.case import Case, Handshake
from wsdoctor.recording.recording import Recording

SOURCE = """\
async def handler(ws):
    await ws.accept()
    task = start(stream(ws))
    try:
        await serve(ws)
    finally:
        await task
        task.cancel()
    await ws.close()


async def stream(ws):
    await ws.send("tick")
"""

DISCONNECT = ("litestar.exceptions.WebSocketDisconnect", "Exception", "BaseException")
CANCELLED = ("asyncio.exceptions.CancelledError", "BaseException")
REFUSED = ("uvicorn.protocols.utils.ClientDisconnected", "OSError", "Exception", "BaseException")
RUNTIME = ("RuntimeError", "Exception", "BaseException")
GROUP = ("ExceptionGroup", "BaseExceptionGroup", "Exception", "BaseException")
KEY = ("KeyError", "LookupError", "Exception", "BaseException")


def frame(line: int, function: str = "handler", *, user: bool = True) -> e.StackFrame:
    first = 11 if function == "stream" else 1
    return e.StackFrame(
        file="app.py" if user else "framework.py",
        line=line,
        function=function,
        user=user,
        first_line=first,
    )


FRAMEWORK = frame(1, "middleware", user=False)


def error(
    number: int, bases: tuple[str, ...], *stack: e.StackFrame, **more: Any
) -> e.ExceptionInfo:
    return e.ExceptionInfo(id=number, type=bases[0], bases=bases, message="", stack=stack, **more)


class Story:
    """Builds the events of connection 1 in order; ``after`` seconds pass before each."""

    def __init__(self, kind: str = "close") -> None:
        self.kind = kind
        self.events: list[e.AnyEvent] = []
        self.now = 0.0
        self.calls = 0

    def add(self, event: type[Any], after: float = 0.0, **fields: Any) -> Story:
        self.now += after
        if event not in {e.ServerPhase, e.ObservationEnded, e.WorkerLost, e.RecordingFull}:
            fields.setdefault("connection", 1)
        self.events.append(event(time=self.now, step=len(self.events), **fields))
        return self

    def opened(self) -> Story:
        self.add(e.AppCalled, path="/ws", task=1)
        self.received("websocket.connect")
        return self.sent("websocket.accept", stack=(frame(2),))

    def received(self, message: str, task: int = 1, after: float = 0.0) -> Story:
        self.calls += 1
        self.add(e.ReceiveCalled, call=self.calls, task=task, stack=(frame(5),))
        return self.add(e.ReceiveReturned, after, call=self.calls, message=message)

    def sent(
        self,
        message: str,
        *,
        task: int = 1,
        after: float = 0.0,
        stack: tuple[e.StackFrame, ...] = (),
        through: tuple[e.StackFrame, ...] = (),
        handling: e.ExceptionInfo | None = None,
        sender: Literal["user", "framework"] = "user",
        raised: e.ExceptionInfo | None = None,
        **close: Any,
    ) -> Story:
        self.calls += 1
        call = self.calls
        self.add(
            e.SendCalled,
            after,
            call=call,
            message=message,
            task=task,
            stack=stack,
            through=through,
            handling=handling,
            sender=sender,
            **close,
        )
        return self.add(e.SendReturned, call=call, exception=raised)

    def client_leaves(self) -> Story:
        return self.add(e.ClientActed, 1.0, act="close", disconnects=True)

    def started(self, task: int = 2) -> Story:
        return self.add(
            e.TaskCreated,
            task=task,
            name="Task",
            coroutine="stream",
            parent=1,
            stack=(frame(3),),
            root=frame(11, "stream"),
        )

    def answered(self, handling: e.ExceptionInfo, raised: e.ExceptionInfo | None = None) -> Story:
        """The framework closes because of ``handling``."""
        return self.sent("websocket.close", handling=handling, sender="framework", raised=raised)

    def returned(self, raised: e.ExceptionInfo | None = None, after: float = 0.0) -> Story:
        return self.add(e.AppReturned, after, exception=raised)

    def logged(self, exception: e.ExceptionInfo) -> Story:
        return self.add(
            e.LogEmitted, logger="uvicorn.error", level="ERROR", message="", exception=exception
        )

    def sampled(
        self, reason: str, *stacks: e.TaskStack, after: float = 0.5, connection: int = 1
    ) -> Story:
        return self.add(e.StacksSampled, after, reason=reason, stacks=stacks, connection=connection)

    def recording(self) -> Recording:
        self.add(e.ObservationEnded)
        return Recording(
            case=Case(
                route="/ws",
                server="uvicorn:websockets",
                kind=self.kind,
                moment="after:1",
                handshake=Handshake(path="/ws"),
            ),
            clock="virtual",
            framework="litestar",
            events=tuple(self.events),
            sources={"app.py": SOURCE},
            handler=frame(1),
        )
