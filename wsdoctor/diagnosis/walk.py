"""A connection's messages, walked through the contract's table (ASGI spec 2.4, WebSocket)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from wsdoctor.diagnosis.contract import (
    CLOSE,
    Breach,
    State,
    breach_of,
    follow,
    invalid_close,
)
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
    """A message that the contract forbids, with what came of it. ``index`` is its place in the events.

    ``lost_race``: it is a second close, and the first one was refused because the client had just left.
    """

    breach: Breach
    index: int
    state: State
    call: SendCalled
    raised: ExceptionInfo | None
    lost_race: bool = False


@dataclass(frozen=True, slots=True)
class InvalidClose:
    """A close of an open connection with a code or a reason that must not be sent.

    ``why`` is a clause that says what is wrong with it; ``raised`` what the server raised, if it did.
    """

    index: int
    call: SendCalled
    why: str
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
        self.invalid_closes: list[InvalidClose] = []
        self._ended = ended
        self._races = races
        self._outcome = outcome
        self._state = State.CONNECTING
        self._allowed: set[int] = set()
        self._without_payload: set[int] = set()
        self._unfit: set[int] = set()
        self._went_well = False
        self._gave_up = False
        self._closing: int | None = None
        self._close_lost = False
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
        why = ""
        if event.message == CLOSE:
            why = invalid_close(event.code, event.reason_size) or event.mistyped
            if why:
                self._unfit.add(event.call)
        breach = breach_of(self._state, event.message)
        lost_race = False
        if self._state is State.GONE and event.message == CLOSE:
            # A lost race is forgiven, but not to close what one has closed: servers log that. After a
            # close that has lost the race itself, some do.
            lost_race = self._close_lost and not self._gave_up and self._is_complaint(event.call)
            breach = Breach.AFTER_CLOSE if self._gave_up or lost_race else None
            self._gave_up = True
        if breach is None:
            if why and self._is_invalid_close(event):
                self.invalid_closes.append(
                    InvalidClose(index, event, why, self._outcome(event.call))
                )
                # A server that refuses it has not closed: the application may close once more.
                if self.invalid_closes[-1].raised is None:
                    self._state = State.CLOSED
                return
            self._allowed.add(event.call)
            self._state = follow(self._state, event.message) or self._state
            if event.message == CLOSE and self._state is State.CLOSED:
                self._closing = event.call
        elif self._state is State.DISCONNECTED and self._races(event):
            self._allowed.add(event.call)
        else:
            self.violations.append(
                Violation(breach, index, self._state, event, self._outcome(event.call), lost_race)
            )

    def _returned(self, index: int, event: SendReturned) -> None:
        if event.exception is None:
            self._went_well = self._went_well or event.call not in self._without_payload
        elif self._is_refusal(event, event.exception):
            self.refusals.add(event.exception.id)
            self._close_lost = self._close_lost or event.call == self._closing
            if self._state is not State.DISCONNECTED:
                self._state = State.GONE
        elif self._is_breakdown(event, event.exception):
            self.breakdowns.append((index, event.exception))

    def _is_invalid_close(self, event: SendCalled) -> bool:
        """Whether a close with such a code or reason concerns the client at all.

        Before the handshake is answered there is no close frame: to close is to refuse. A client that
        has left gets none, either. And some servers take a code that is None for none.
        """
        if self._state is not State.OPEN:
            return False
        raised = self._outcome(event.call)
        if raised is None:
            return bool(invalid_close(event.code, event.reason_size))
        return "Exception" in raised.bases and not is_os_error(raised)

    def _is_complaint(self, call: int) -> bool:
        """Whether the server answers the message as it answers one that it never allows."""
        error = self._outcome(call)
        return error is not None and not is_os_error(error)

    def _is_refusal(self, event: SendReturned, error: ExceptionInfo) -> bool:
        if is_os_error(error):
            return True
        return (
            self._is_over(event) and event.call in self._allowed and "RuntimeError" in error.bases
        )

    def _is_breakdown(self, event: SendReturned, error: ExceptionInfo) -> bool:
        return (
            "Exception" in error.bases  # not a cancellation
            and event.call in self._allowed - self._unfit
            and self._is_over(event)
            and (self._went_well or event.call in self._without_payload)
        )

    def _is_over(self, event: SendReturned) -> bool:
        return self._ended is not None and event.time >= self._ended
