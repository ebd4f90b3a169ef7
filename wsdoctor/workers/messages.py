"""What the supervisor and its worker say to each other: JSON, one message a line."""

from __future__ import annotations

from functools import cache
from typing import Literal

import msgspec
from msgspec import Struct

from wsdoctor.diagnosis.diagnose import Diagnosed
from wsdoctor.diagnosis.fault import Shown
from wsdoctor.recording.case import Case
from wsdoctor.recording.events import AnyEvent, Stack, StackFrame


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
    """Run ``case`` and diagnose it; ``fresh``: on an import of the target that has run none before.

    ``network`` is what lies beneath the virtual clock. ``keep`` the events of a spotless case, too.
    """

    case: Case
    clock: Literal["virtual", "wall"]
    grace: float
    fresh: bool = True
    network: Literal["memory", "loopback"] = "memory"
    keep: bool = True


class Compare(Struct, frozen=True, tag=True):
    """What does the smallest correct application of ``form`` show at this kind of disconnect?"""

    form: str
    server: str
    kind: str


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


class LoadFailed(Struct, frozen=True, tag=True):
    """``traceback`` are the user's frames if the user's own code raised."""

    message: str
    traceback: str = ""


class Ran(Struct, frozen=True, tag=True):
    diagnosed: Diagnosed
    note: str = ""


class Compared(Struct, frozen=True, tag=True):
    shown: frozenset[Shown]


class Sampled(Struct, frozen=True, tag=True):
    """The main thread's stack, the loop's step, and the events of the running session so far."""

    stack: Stack
    step: int
    events: tuple[AnyEvent, ...] = ()
    sources: dict[str, str] = {}


class Crashed(Struct, frozen=True, tag=True):
    """wsdoctor itself failed in the worker."""

    traceback: str


Request = Load | Run | Compare | Sample
Answer = Loaded | LoadFailed | Ran | Compared | Sampled | Crashed

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
