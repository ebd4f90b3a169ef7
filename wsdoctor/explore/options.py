"""What the caller of a check may choose, and what a check asks of its surroundings."""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

from wsdoctor.diagnosis.finding import CaseResult
from wsdoctor.recording.case import Case, Step
from wsdoctor.recording.recording import Recording


class Options(Struct, frozen=True, kw_only=True):
    """Empty tuples mean: all servers that are installed, all kinds, the named moments, all routes.

    ``grace`` is in seconds of ``clock``. ``depth`` is ``quick`` (the named moments) or ``full``
    (every moment of the connection's life; on the virtual clock only).
    """

    servers: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    moments: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()
    path_params: dict[str, str] = {}
    script: tuple[Step, ...] = ()
    clock: Literal["virtual", "wall"] = "virtual"
    depth: Literal["quick", "full"] = "quick"
    grace: float = 0.5


class Progress(Protocol):
    """Told how far a run is."""

    def planned(self, total: int) -> None:
        """``total`` more cases are going to be run."""

    def case_done(self, result: CaseResult) -> None:
        """One of them is done."""


class Runner(Protocol):
    """Runs cases, in this process or in another."""

    def run(
        self, case: Case, *, fresh: bool, network: Literal["memory", "loopback"] = "memory"
    ) -> Recording:
        """The Recording of ``case``; ``fresh``: on an application that has served nobody yet."""


class NoProgress:
    """A Progress that nobody looks at."""

    def planned(self, total: int) -> None:
        pass

    def case_done(self, result: CaseResult) -> None:
        pass
