"""The case: what one session runs, and the words it is written in.

A case is route x server x kind x moment (docs: "Words"). Its id is stable and can be pasted back
into the command line.
"""

from __future__ import annotations

from msgspec import Struct


class SendStep(Struct, frozen=True, tag="send"):
    """The client sends one message: text if ``text`` is set, otherwise the bytes of ``hex``."""

    text: str | None = None
    hex: str = ""


class ReceiveStep(Struct, frozen=True, tag="recv"):
    """The client reads ``count`` messages, waiting for those that have not come yet."""

    count: int = 1


class SleepStep(Struct, frozen=True, tag="sleep"):
    """The client does nothing for ``seconds`` (of the session's clock)."""

    seconds: float


Step = SendStep | ReceiveStep | SleepStep

BESIDE = "+bystander"
"""At the end of a kind: a second, healthy client is there, and the case is about what it gets."""

STAY = "stay"
"""What the client does in a control: nothing. It is no kind of a case that is judged."""


RECONNECT = "reconnect"
"""The kind in which the same client comes back while its old connection is not known to be dead."""

MESSAGE, LATE, THIRD, AGAIN = "message", "late", "third", "again"
SCARCE, TOGETHER = "scarce", "together"

RUNNING = 15
"""Seconds for which the application has been running when a client comes late."""

BEFORE = 2
"""Clients that have come and left before the third, and before pools are made scarce."""

SITUATIONS: dict[str, str] = {
    MESSAGE: "in a second conversation, in which the client sends a message of wsdoctor's own making",
    LATE: f"the client comes when the application has been running for {RUNNING} seconds",
    THIRD: f"the client comes when {BEFORE} others have come and left",
    AGAIN: "the same client comes back and leaves again, before its old connection is known to be dead",
    SCARCE: f"{BEFORE} others have come and left, and every pool has one more connection to lend",
    TOGETHER: "a second client is there, and leaves right behind the first one, before the server runs again",
}
"""The description of each situation, by the name that precedes the moment and a colon."""


class Handshake(Struct, frozen=True):
    """What the client puts into its opening handshake (RFC 6455, section 4.1).

    ``path`` is the concrete request path, parameters filled in and percent-encoded. ``made_up`` are the
    names of query parameters and headers whose values are of wsdoctor's own making: no secrets.
    """

    path: str
    query: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    made_up: tuple[str, ...] = ()


class Case(Struct, frozen=True):
    """One session to run: ``route`` as the application declares it, on ``server``.

    The client opens with ``handshake``, performs ``script``, and disconnects as ``kind`` says at
    ``moment``. With a ``driver``, a coroutine function of the user's as ``file.py:function``, it is
    that which opens the connection and drives it, before the ``script``.
    """

    route: str
    server: str
    kind: str
    moment: str
    handshake: Handshake
    script: tuple[Step, ...] = ()
    probes: tuple[str, ...] = ()
    """Names of the probes, as the user gave them; each is read before and after."""
    driver: str = ""
    made_up: bool = False
    """The message that the script sends is of wsdoctor's own making."""

    @property
    def situation(self) -> str:
        """The part before the moment, one of SITUATIONS; "" for a client that comes first, at once."""
        before, colon, _ = self.moment.partition(":")
        return before if colon and before in SITUATIONS else ""

    @property
    def at(self) -> str:
        """The moment in its situation: ``idle`` of ``late:idle``."""
        return self.moment.removeprefix(f"{self.situation}:") if self.situation else self.moment

    def met(self, moment: str) -> str:
        """``moment`` in the situation of this case."""
        return f"{self.situation}:{moment}" if self.situation else moment

    @property
    def act(self) -> str:
        """The last act of the client: the kind, without the suffix for a bystander."""
        return self.kind.removesuffix(BESIDE)

    @property
    def bystander(self) -> bool:
        """Whether a second client is there, which stays."""
        return self.kind.endswith(BESIDE)

    @property
    def accompanied(self) -> bool:
        """Whether the case is about a second client, and not about the one that leaves."""
        return self.bystander or self.kind == RECONNECT

    @property
    def id(self) -> str:
        """The case's name, e.g. ``/ws close@after:2 uvicorn:wsproto``."""
        return f"{self.route} {self.kind}@{self.moment} {self.server}"
