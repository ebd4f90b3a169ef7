"""How long a session waits."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec import Struct

from wsdoctor.plan.budget import ANSWER_TIME, STARTUP_TIME
from wsdoctor.recording.grace import GRACE
from wsdoctor.sim.engine import Clock


class Timing(Struct, frozen=True, kw_only=True):
    """What the user says of time.

    ``grace`` is in seconds of ``clock``: a handler has them to end. The others are in wall seconds: the
    application has ``startup_time`` to start, and a party outside ``answer_time`` to answer.
    """

    clock: Clock = "virtual"
    grace: float = GRACE
    startup_time: float = STARTUP_TIME
    answer_time: float = ANSWER_TIME


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a session waits, in seconds of its clock.

    ``script``: for the handshake, and for each message. ``grace``: for a handler or task to end
    before it is called late. ``watch``: for it to end at all. ``stop``: for the server to stop.
    ``start``: for the application to start, in wall seconds; it has twenty times as many virtual ones.
    ``answer``: for a party outside to answer, in wall seconds.
    ``real``: what watching may take in wall seconds, if a thread keeps virtual ones from passing faster.
    """

    script: float = 35.0
    grace: float = GRACE
    watch: float = 120.0
    stop: float = 30.0
    real: float = 20.0
    start: float = STARTUP_TIME
    answer: float = ANSWER_TIME

    @classmethod
    def of(cls, timing: Timing) -> Timeouts:
        """The limits for ``timing``: long in virtual time, which costs nothing, and short in real time.

        A long ``answer_time`` also lengthens the limits of the waits that may depend on an answer.
        """
        grace, start = timing.grace, timing.startup_time
        if timing.clock == "virtual":
            usual, more = cls(), max(0.0, timing.answer_time - ANSWER_TIME)
            return cls(
                script=usual.script + more,
                grace=grace,
                real=usual.real + more,
                start=start,
                answer=timing.answer_time,
            )
        return cls(script=10.0, grace=grace, watch=50.0, stop=15.0, real=50.0, start=start)
