"""What the supervisor and its worker say to each other: JSON, one message a line."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec
from msgspec import Struct

from wsdoctor.diagnosis.comparable import Shown
from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import AnyEvent, Stack, StackFrame
from wsdoctor.recording.recording import Control, Recording
from wsdoctor.session.timeouts import Timing
from wsdoctor.sim.outside import Character
from wsdoctor.sim.threads import KnownThreads


class FoundOut(Struct, frozen=True):
    """Facts that sessions have found out about the application's threads, and about parties outside.

    Finding them takes real time, so later processes get them.
    """

    threads: KnownThreads = KnownThreads()
    peers: dict[str, Character] = {}


class Load(Struct, frozen=True, tag=True):
    """Load the target and list its routes, narrowed to ``paths``, with ``path_params`` filled in.

    ``route_params`` are those of routes that have their own; only routes that exist may be named.

    ``drivers`` are loaded, too, to know that they can be, and ``probes`` looked for: those of its
    cases are among them.
    """

    spec: str
    factory: bool = False
    app_dir: str | None = None
    paths: tuple[str, ...] = ()
    path_params: dict[str, str] = {}
    probes: tuple[str, ...] = ()
    route_params: dict[str, dict[str, str]] = {}
    drivers: tuple[str, ...] = ()


class Run(Struct, frozen=True, tag=True):
    """Run ``case`` and diagnose it; ``fresh``: in a copy of the application that has run none before.

    ``network`` is what lies beneath the virtual clock. ``keep`` the events of a spotless case, too.
    ``trace``: also note the user's lines that run. ``control`` is that of a case with a bystander.
    ``number`` names the request.
    """

    case: Case
    timing: Timing
    fresh: bool = True
    network: Literal["memory", "loopback"] = "memory"
    keep: bool = True
    trace: bool = False
    control: Control | None = None
    number: int = 0


class Compare(Struct, frozen=True, tag=True):
    """What does the smallest correct application of ``form`` show at this kind of disconnect?"""

    form: str
    server: str
    kind: str
    number: int = 0


class Learn(Struct, frozen=True, tag=True):
    """Look up for all copies to come what it took to diagnose ``recording``. There is no answer."""

    recording: Recording


class Believe(Struct, frozen=True, tag=True):
    """Take over what another process of the application has ``found`` out. There is no answer."""

    found: FoundOut


class End(Struct, frozen=True, tag=True):
    """End the copy of the application that runs request ``number``. The answer is Gone."""

    number: int


class Sample(Struct, frozen=True, tag=True):
    """Where is your main thread? Answered at once, whatever the main thread does."""


class LoadedRoute(Struct, frozen=True):
    """A route: ``path`` as declared, ``request_path`` and ``host`` as a client asks for it.

    ``form`` is what its handler is in its framework, "" if that is not known.
    """

    path: str
    request_path: str
    host: str
    handler_name: str
    handler: StackFrame | None
    form: str = ""


class Loaded(Struct, frozen=True, tag=True):
    spec: str
    kind: str
    framework: str
    routes: tuple[LoadedRoute, ...]
    mounts: tuple[str, ...] = ()
    roots: tuple[str, ...] = ()
    """Files and folders that are the user's code, wherever they lie."""
    apart: str = ""
    """Why the process cannot be copied, so that each stretch of cases needs one of its own; empty if it can."""


class LoadFailed(Struct, frozen=True, tag=True):
    """``traceback`` are the user's frames if the user's own code raised."""

    message: str
    traceback: str = ""


class Ran(Struct, frozen=True, tag=True):
    """``found`` out in this process up to now, that is, not in this case alone."""

    diagnosed: Diagnosed
    found: FoundOut = FoundOut()


class Compared(Struct, frozen=True, tag=True):
    shown: frozenset[Shown]


class Sampled(Struct, frozen=True, tag=True):
    """The main thread's stack, the loop's step, and the events of the running session so far."""

    stack: Stack
    step: int
    events: tuple[AnyEvent, ...] = ()
    sources: dict[str, str] = {}


class Ending(Struct, frozen=True, tag=True):
    """The process may be about to end: the application has ``called`` for it (``os._exit``) at ``stack``.

    The rest is that of Sampled.
    """

    called: str
    stack: Stack
    step: int
    events: tuple[AnyEvent, ...] = ()
    sources: dict[str, str] = {}


class Gone(Struct, frozen=True, tag=True):
    """The copy of the application that was given request ``number`` last has ended.

    ``returncode`` is that of its process: its exit code, or minus the signal that killed it.
    """

    number: int
    returncode: int


class Crashed(Struct, frozen=True, tag=True):
    """wsdoctor itself failed in the worker."""

    traceback: str


Request = Load | Run | Compare | Sample | Learn | Believe | End
Answer = Loaded | LoadFailed | Ran | Compared | Sampled | Ending | Gone | Crashed

_encoder = msgspec.json.Encoder()


# Made when the first message comes: that takes milliseconds, and not every command has a worker.
@cache
def _requests() -> msgspec.json.Decoder[Request]:
    return msgspec.json.Decoder(Request)


@cache
def _answers() -> msgspec.json.Decoder[Answer]:
    return msgspec.json.Decoder(Answer)


def to_line(message: Request | Answer) -> bytes:
    """``message`` as a line."""
    return _encoder.encode(message) + b"\n"


def request(line: bytes) -> Request:
    """The request of a line. Raises msgspec.DecodeError."""
    return _requests().decode(line)


def answer(line: bytes) -> Answer:
    """The answer of a line. Raises msgspec.DecodeError."""
    return _answers().decode(line)
