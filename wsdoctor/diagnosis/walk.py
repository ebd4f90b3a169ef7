"""A connection's messages, walked through the contract's table (ASGI spec 2.4, WebSocket)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wsdoctor.diagnosis.contract import AFTER_CLOSE, CLOSE, State, follow, violated_rule
from wsdoctor.diagnosis.exceptions import is_os_error
from wsdoctor.recording.events import (
    AnyEvent,
    ExceptionInfo,
    ReceiveReturned,
    SendCalled,
    SendReturned,
)


@dataclass(frozen=True, slots=True)
class Violation:
    """A message that the contract forbids, with what came of it. ``index`` is its place in the events."""

    code: str
    index: int
    state: State
    call: SendCalled
    raised: ExceptionInfo | None


class Walk:
    """``events`` are the connection's, with their places.

    ``ended`` is when the client acted, None if it did not; ``races`` says of a send after the
    disconnect whether its task had no chance to know; ``outcome`` what came of a call.
    """

    def __init__(
        self,
        events: Iterable[tuple[int, AnyEvent]],
        *,
        ended: float | None,
        races: Callable[[SendCalled], bool],
        outcome: Callable[[int], ExceptionInfo | None],
    ) -> None:
        self.violations: list[Violation] = []
        self.refusals: set[int] = set()
        self.breakdowns: list[tuple[int, ExceptionInfo]] = []
        self._ended = ended
        self._races = races
        self._outcome = outcome
        self._state = State.CONNECTING
        self._allowed: set[int] = set()
        self._without_payload: set[int] = set()
        self._went_well = False
        self._gave_up = False
        for index, event in events:
            if isinstance(event, ReceiveReturned) and event.message == "websocket.disconnect":
                if self._state is not State.CLOSED:
                    self._state = State.DISCONNECTED
            elif isinstance(event, SendCalled):
                self._called(index, event)
            elif isinstance(event, SendReturned):
                self._returned(index, event)

    def _called(self, index: int, event: SendCalled) -> None:
        if event.message != "websocket.send":
            self._without_payload.add(event.call)
        code = violated_rule(self._state, event.message)
        if self._state is State.GONE and event.message == CLOSE:
            # A lost race is forgiven, but not to close what one has closed: servers log that.
            code = AFTER_CLOSE if self._gave_up else None
            self._gave_up = True
        if code is None:
            self._allowed.add(event.call)
            self._state = follow(self._state, event.message) or self._state
        elif self._state is State.DISCONNECTED and self._races(event):
            self._allowed.add(event.call)
        else:
            self.violations.append(
                Violation(code, index, self._state, event, self._outcome(event.call))
            )

    def _returned(self, index: int, event: SendReturned) -> None:
        if event.exception is None:
            self._went_well = self._went_well or event.call not in self._without_payload
        elif self._is_refusal(event, event.exception):
            self.refusals.add(event.exception.id)
            if self._state is not State.DISCONNECTED:
                self._state = State.GONE
        elif self._is_breakdown(event, event.exception):
            self.breakdowns.append((index, event.exception))

    def _is_refusal(self, event: SendReturned, error: ExceptionInfo) -> bool:
        if is_os_error(error):
            return True
        return (
            self._is_over(event) and event.call in self._allowed and "RuntimeError" in error.bases
        )

    def _is_breakdown(self, event: SendReturned, error: ExceptionInfo) -> bool:
        return (
            "Exception" in error.bases  # not a cancellation
            and event.call in self._allowed
            and self._is_over(event)
            and (self._went_well or event.call in self._without_payload)
        )

    def _is_over(self, event: SendReturned) -> bool:
        return self._ended is not None and event.time >= self._ended
