"""The command that replays a finding, to be copied from the text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from urllib.parse import parse_qsl

from wsdoctor.diagnosis.finding import Finding
from wsdoctor.diagnosis.rules import compares_servers
from wsdoctor.plan.moments import is_poll
from wsdoctor.recording.case import Case, ReceiveStep, SendStep, SleepStep
from wsdoctor.recording.grace import GRACE
from wsdoctor.report.model import Report, TargetInfo


def replay_command(report: Report, finding: Finding) -> str:
    """``wsdoctor replay`` with the finding's case, its target, and what reaches the handler.

    Secrets in it are redacted, as everywhere.
    """
    words = ["wsdoctor", "replay", finding.replay, *target_words(report.target)]
    if finding.case is not None:
        words += _handshake(finding.case)
        if finding.case.driver:
            words += ["--driver", finding.case.driver]
        words += _script(finding.case)
        for probe in finding.case.probes:
            words += ["--probe", probe]
    if finding.severity == "info" or compares_servers(finding.code):
        words += ["--code", finding.code]
    if report.grace != GRACE:
        words += ["--grace", f"{report.grace:g}"]
    return shlex.join(words)


def target_words(target: TargetInfo) -> Iterator[str]:
    """``target`` as it stands on the command line."""
    if target.kind == "variant":
        yield from ("--variant", target.spec)
        return
    yield target.spec
    if target.factory:
        yield "--factory"
    if target.app_dir is not None:
        yield from ("--app-dir", target.app_dir)


def _handshake(case: Case) -> Iterator[str]:
    opening = case.handshake
    for name, value in opening.headers:
        if name.lower() == "cookie":
            yield from ("--cookie", value)
        elif name.lower() != "host":
            yield from ("-H", f"{name}: {value}")
    for name, value in parse_qsl(opening.query, keep_blank_values=True):
        yield from ("--query", f"{name}={value}")
    for name in opening.subprotocols:
        yield from ("--subprotocol", name)


def _script(case: Case) -> Iterator[str]:
    steps = case.script
    if is_poll(case.at) and steps and isinstance(steps[-1], ReceiveStep):
        steps = steps[:-1]  # a replay finds out for itself how long the handler's life is
    for step in steps:
        match step:
            case SendStep(text=str(text)):
                yield from ("--send", text)
            case SendStep(hex=data):
                yield from ("--send-bytes", data)
            case ReceiveStep(count=count):
                yield from ("--script", f"recv {count}")
            case SleepStep(seconds=seconds):
                yield from ("--script", f"sleep {seconds:g}")
