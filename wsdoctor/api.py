"""The Python API: what the command line does, as functions."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Unpack, get_type_hints

from wsdoctor.engine.check import check as check_target
from wsdoctor.engine.check import check_object
from wsdoctor.engine.variants import run_variant as run_built_in
from wsdoctor.options.check import Clock, Depth, Keywords, Options, TargetOptions
from wsdoctor.options.forms import Pairs
from wsdoctor.options.option import PYTHON, from_python, options_of
from wsdoctor.plan import PlanError
from wsdoctor.recording.case import Step
from wsdoctor.report.model import Report
from wsdoctor.report.redaction import redact
from wsdoctor.target import load_probe

Application = Callable[..., Any]


def check(target: str | Application, **keywords: Unpack[Keywords]) -> Report:
    """The Report on how the WebSocket routes of ``target`` take the end of their connections.

    ``target`` is an ASGI application, or a string as ``wsdoctor check`` takes it: ``"module:attr"``
    or ``"path/to/file.py:attr"`` (``factory`` and ``app_dir`` belong to such strings). ``paths``
    narrows the check to some routes; empty ``servers``, ``kinds`` and ``moments`` mean all of them.
    ``headers``, ``cookies``, ``query``, ``subprotocols``, ``path_params`` and ``script`` get the
    client past the handshake and to the state in which it disconnects; the values of the first
    three do not occur in the Report. ``driver`` is a coroutine function of your own, written
    ``"file.py:function"``, that opens the connection and drives it, for handshakes that those do not
    cover. ``probes`` must be what they were before when a connection has ended: functions (of an
    object; they may be coroutine functions), or ``"module:attribute"`` as for ``--probe``.
    ``grace`` is the time in seconds of ``clock`` that a handler
    may take to end, and ``startup_time`` that in wall seconds that the application has to start.
    ``answer_time`` is how long the virtual clock waits for an answer from outside, in wall seconds. ``depth`` is ``full`` (every moment of the connection's life) or ``quick`` (the
    named moments). A target that is a string runs in ``workers`` processes; an object runs in this
    one. ``bystander``: unless ``kinds`` are given, also look at what a second client gets while the
    first one leaves or stalls. ``made_up_message``: where ``script`` sends nothing and a handler waits for
    a message, also hold a conversation with one that is made up from its source. The check ends after
    ``max_time`` wall seconds, and the verdict then says so.
    ``confirm`` says how findings are confirmed: not at all (``none``), on ``loopback`` sockets, or by
    running the ``emitted`` test of each on stock asyncio as well, which takes a target that is a string;
    no such test begins later than ``confirm_time`` wall seconds after the first.

    Raises TargetError if the target or the driver cannot be loaded, or the driver raises; PlanError for a
    server, kind or moment that does not exist; and InputError for a time that makes no sense. Defects of
    the application are in the Report, and raise no exception.
    """
    given: dict[str, Any] = {**keywords}
    for name in given:
        if name not in Keywords.__annotations__:
            raise TypeError(f"check() got an unexpected keyword argument {name!r}")
    readers = _probes(given.get("probes", ()), own_process=isinstance(target, str))
    options = from_python(Options, PYTHON, given | {"probes": readers})
    if isinstance(target, str):
        named = from_python(TargetOptions, PYTHON, given)
        report = check_target(target, options, factory=named.factory, app_dir=named.app_dir)
    else:
        report = check_object(target, options, probes=readers)
    return redact(report, options.secrets)


def _signature() -> inspect.Signature:
    """What ``help`` and editors show of ``check``: each keyword with its type and its default."""
    types = get_type_hints(Keywords, localns={"Step": Step})
    defaults = {
        item.name: None if isinstance(item.form, Pairs) else item.default
        for group in (TargetOptions, Options)
        for item in options_of(group, PYTHON)
    }
    declared = inspect.signature(check)
    return declared.replace(
        parameters=[
            declared.parameters["target"],
            *(
                inspect.Parameter(
                    name, inspect.Parameter.KEYWORD_ONLY, default=defaults[name], annotation=kind
                )
                for name, kind in types.items()
            ),
        ]
    )


check.__signature__ = _signature()  # type: ignore[attr-defined]  # inspect looks for it


def _probes(
    probes: Iterable[str | Callable[[], object]], *, own_process: bool
) -> dict[str, Callable[[], object]]:
    """What reads each probe, by its name; in a process of its own the worker looks for it by that."""
    found: dict[str, Callable[[], object]] = {}
    for probe in probes:
        if isinstance(probe, str):
            found[probe] = load_probe(probe, None) if not own_process else _elsewhere
        elif own_process:
            msg = (
                f"the probe {probe!r} cannot be called: a target that is given as a string runs in a "
                "process of its own, so give the probe as 'module:attribute'"
            )
            raise PlanError(msg)
        else:
            name = getattr(probe, "__qualname__", None) or repr(probe)
            found[name if name not in found else f"{name}#{len(found) + 1}"] = probe
    return found


def _elsewhere() -> object:
    raise AssertionError("a probe of a worker's is not read here")


def run_variant(
    name: str,
    *,
    servers: Iterable[str] = (),
    kinds: Iterable[str] = (),
    moments: Iterable[str] = (),
    depth: Depth = "quick",
    clock: Clock = "virtual",
) -> Report:
    """The Report on the built-in variant ``name``; ``report.declared`` says if it is as declared.

    ``depth`` ``full`` disconnects at every moment of the connection's life.

    Raises UnknownVariantError and PlanError for names that do not exist.
    """
    given = {"servers": servers, "kinds": kinds, "moments": moments}
    options = from_python(Options, "run", given)
    return run_built_in(name, replace(options, depth=depth, clock=clock))
