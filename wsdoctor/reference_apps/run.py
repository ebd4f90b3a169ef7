"""Run a smallest correct application through every moment of one kind of disconnect."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from wsdoctor.diagnosis.comparable import Shown, shows
from wsdoctor.diagnosis.diagnose import Diagnosed, diagnose
from wsdoctor.plan.moments import EVERY
from wsdoctor.recording.case import Case, Handshake, ReceiveStep, SendStep
from wsdoctor.reference_apps.forms import module_of
from wsdoctor.session.run import SessionTarget, run_case
from wsdoctor.target.usercode import UserCode

_APPS = str(Path(__file__).parent / "apps")


@functools.cache
def normal(form: str, server: str, kind: str) -> frozenset[Shown]:
    """What the smallest correct application of ``form`` shows at any moment, in this process.

    It runs on the virtual clock, with the versions that are installed here. The framework must be.
    """
    return shows(swept(form, server, kind))


def swept(form: str, server: str, kind: str) -> Iterator[Diagnosed]:
    """Its cases: one for each moment of a connection that sends a message and has a message sent."""
    subject = _subject(form)
    life = Case(
        route="/",
        server=server,
        kind=kind,
        moment=EVERY,
        handshake=Handshake(path="/"),
        script=(SendStep(text="hello"), ReceiveStep()),
    )
    for moment in run_case(life, subject).moments:
        yield diagnose(run_case(replace(life, moment=moment.name), subject))


def warm_up(server: str) -> None:
    """Import, and run once, what every case on ``server`` needs, in this process."""
    case = Case(
        route="/",
        server=server,
        kind="close",
        moment="after:1",
        handshake=Handshake(path="/"),
        script=(SendStep(text="hello"),),
    )
    diagnose(run_case(case, _subject("asgi")))


@functools.cache
def _subject(form: str) -> SessionTarget:
    module = importlib.import_module(module_of(form))
    framework = form.partition("-")[0]
    # It lies within our own package, and is the code under test all the same.
    return SessionTarget(module.app, framework, UserCode((_APPS,)))
