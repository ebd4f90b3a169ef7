"""The texts of findings about unknown code: five handlers of each family.

Read them as a user in a hurry does: what is wrong, on which line, how the code got there, and what to
change. The handlers are in ``apps``, in shapes that occur neither in the examples nor in the zoo.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

import wsdoctor
from wsdoctor.recording.case import SendStep, SleepStep, Step
from wsdoctor.report.finding_block import print_finding
from wsdoctor.report.model import Report
from wsdoctor.report.page import Page

# The applications run in this process, where warnings are errors.
pytestmark = pytest.mark.filterwarnings("default")

APPS = Path(__file__).parent / "apps"

VOLATILE = ("  moments ", "  confirmed ", "  replay ")
"""The lines of a finding that other tests hold, and that depend on the versions of the servers."""


@dataclass(frozen=True)
class Row:
    """``code`` is what the handler must be found for, at ``line`` of ``file`` (its own, if empty).

    ``supervised``: in a worker process, for it freezes its process, keeps what belongs to
    one loop, or does not let itself be ended.
    """

    app: str
    code: str
    line: int
    file: str = ""
    kind: str = "close"
    moment: str = "idle"
    script: tuple[Step, ...] = ()
    supervised: bool = False


def says(text: str) -> tuple[Step, ...]:
    return (SendStep(text=text),)


ROWS = (
    # the contract
    Row("contract_manager", "WSD101", 18, "helpers/rooms.py"),
    Row("contract_decorator", "WSD102", 19),
    Row("contract_refusal", "WSD103", 14),
    Row("contract_dispatch", "WSD104", 24),
    Row("contract_two_readers", "WSD105", 27),
    # the disconnect
    Row("disconnect_gather", "WSD201", 24),
    Row("disconnect_partial", "WSD201", 7, "helpers/protocol.py"),
    Row("disconnect_anyio_group", "WSD202", 25),
    Row("disconnect_exit_stack", "WSD203", 19),
    Row("disconnect_polling", "WSD204", 27),
    # what is left behind
    Row("leak_session", "WSD301", 17),
    Row("leak_listener_hook", "WSD301", 19),
    Row("leak_audit", "WSD302", 13, script=says('{"verb": "buy"}')),
    Row("leak_reply", "WSD303", 23),
    Row("leak_cursor", "WSD304", 14, script=says("next")),
    Row("leak_cart", "WSD305", 24, script=says("pear")),
    # what does not end
    Row("alive_flag", "WSD401", 29),
    Row("alive_wait_for", "WSD401", 24),
    Row("alive_join", "WSD402", 16),
    Row("alive_shutdown", "WSD403", 25, kind="shutdown", supervised=True),
    Row("alive_blocked", "WSD404", 13, supervised=True),
    Row("alive_feed", "WSD405", 18, kind="close+bystander", supervised=True),
    # cancellation
    Row("cancel_gather", "WSD501", 27),
    Row("cancel_helper", "WSD501", 19, "helpers/protocol.py"),
    Row("cancel_attribute", "WSD501", 23),
    Row("cancel_retry", "WSD502", 16, supervised=True),
    Row("cancel_suppress", "WSD502", 17, supervised=True),
    # data
    Row("data_discarded", "WSD601", 20, script=(*says("hello"), SleepStep(seconds=8))),
    Row("data_parse", "WSD602", 14, script=says('{"item": "pear", "count": 1}')),
    Row("data_task_dies", "WSD602", 12, script=says("zero")),
    Row("data_stream_item", "WSD603", 27),
    Row("data_listener_raises", "WSD603", 12, script=says("dance")),
)


@contextmanager
def application(name: str) -> Iterator[Any]:
    """The application of a module, imported as from the folder it is in, and forgotten afterwards."""
    known = set(sys.modules)
    sys.path.insert(0, str(APPS))
    try:
        yield importlib.import_module(name).app
    finally:
        sys.path.remove(str(APPS))
        for imported in set(sys.modules) - known:
            if imported == name or imported.partition(".")[0] == "helpers":
                del sys.modules[imported]


def examined(row: Row) -> Report:
    options: dict[str, Any] = {
        "kinds": [row.kind],
        "moments": [row.moment],
        "servers": ["uvicorn:wsproto" if row.code == "WSD404" else "uvicorn:websockets"],
        "script": row.script,
    }
    if row.supervised:
        return wsdoctor.check(f"{APPS / row.app}.py:app", **options)
    with application(row.app) as app:
        return wsdoctor.check(app, **options)


def told(report: Report) -> str:
    """Its findings, as they are printed in a terminal of 100 columns."""
    file = io.StringIO()
    console = Console(
        file=file, width=100, highlight=False, markup=False, emoji=False, no_color=True
    )
    page = Page(console)
    for finding in report.findings:
        lasting = tuple(item for item in finding.evidence if not item.startswith("two runs "))
        assert finding.location is not None
        place = replace(finding.location, file=finding.location.file.replace(f"{APPS}/", ""))
        print_finding(
            page,
            replace(report, timelines={}),
            replace(finding, evidence=lasting, location=place),
        )
    lines = file.getvalue().splitlines()
    return "\n".join(line.rstrip() for line in lines if not line.startswith(VOLATILE))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.app)
def test_what_is_said_of(row: Row, snapshot, monkeypatch):
    monkeypatch.chdir(APPS)
    report = examined(row)
    found = [(item.code, item.location and item.location.line) for item in report.findings]
    assert found == [(row.code, row.line)]
    location = report.findings[0].location
    assert location is not None
    assert Path(location.file).as_posix().endswith(row.file or f"{row.app}.py")
    assert told(report) == snapshot


def test_there_are_five_of_each_family_at_least():
    families = Counter(row.code[:4] for row in ROWS)
    assert families.keys() == {"WSD1", "WSD2", "WSD3", "WSD4", "WSD5", "WSD6"}
    assert min(families.values()) >= 5
