"""Boxes as the installed Rich draws them: every width, every kind of box, chains and groups."""

from __future__ import annotations

import io
import runpy
import traceback
from pathlib import Path

import pytest
from rich.console import Console
from rich.traceback import Traceback

from wsdoctor.triage.boxes import is_box, read_box
from wsdoctor.triage.lines import cleaned

SOURCE = '''\
"""A module with a long path, so that places are wrapped."""


class WebSocketDisconnect(Exception):
    pass


def receive(socket, items=("one", "two")):
    raise WebSocketDisconnect(1001, "")


def chat(socket):
    receive(socket)


def chained():
    try:
        chat("socket")
    except WebSocketDisconnect as error:
        raise RuntimeError(
            "Unexpected ASGI message 'websocket.close', after sending 'websocket.close' or "
            "response already completed."
        ) from error


def in_between():
    try:
        chat("socket")
    except WebSocketDisconnect:
        items = {"a": 1}
        items["b"]


def grouped():
    errors = []
    for number in range(2):
        try:
            chat(number)
        except WebSocketDisconnect as error:
            errors.append(error)
    raise ExceptionGroup("unhandled errors in a TaskGroup", errors)
'''
WIDTHS = [36, 50, 64, 80, 100, 140]


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a-deployment") / "application" / "package"
    folder.mkdir(parents=True)
    path = folder / "websocket_handlers.py"
    path.write_text(SOURCE)
    return runpy.run_path(str(path))


def raised_by(function) -> BaseException:
    try:
        function()
    except Exception as error:  # noqa: BLE001 - whatever it raises is what is drawn
        return error
    raise AssertionError


class Ascii(io.StringIO):
    """A stream that Rich draws ASCII boxes on."""

    encoding = "ascii"  # type: ignore[assignment]  # a property of the base class


def drawn(error: BaseException, *, width: int, **options) -> list[str]:
    """What Rich prints of ``error``, as lines of a log."""
    show_locals = options.pop("show_locals", False)
    out = Ascii() if options.pop("ascii", False) else io.StringIO()
    console = Console(file=out, width=width, **options)
    trace = Traceback.from_exception(
        type(error), error, error.__traceback__, width=width, show_locals=show_locals
    )
    console.print(trace)
    return [cleaned(line) for line in out.getvalue().splitlines()]


def chain(error: BaseException) -> list[BaseException]:
    """As tracebacks show it: the first cause first, the members of a group after the group."""
    before = error.__cause__ or error.__context__
    members = error.exceptions if isinstance(error, ExceptionGroup) else ()
    return [*(chain(before) if before else ()), error, *(m for one in members for m in chain(one))]


def expected(error: BaseException) -> list[tuple[str, list[tuple[str, int, str]]]]:
    return [
        (
            type(one).__name__,
            [(f.filename, f.lineno or 0, f.name) for f in traceback.extract_tb(one.__traceback__)],
        )
        for one in chain(error)
    ]


def read(lines: list[str]) -> list[tuple[str, list[tuple[str, int, str]]]]:
    begin = next(number for number, line in enumerate(lines) if is_box(line))
    return [
        (item.name, [(f.file, f.line, f.function) for f in item.frames])
        for item in read_box(lines[begin:]).raised
    ]


def test_a_place_is_read_wherever_its_path_is_wrapped(tmp_path):
    """Also where the path fills its line, and the space behind it begins the next one."""
    width = 60
    for length in range(1, width):
        folder = tmp_path / ("d" * length)
        folder.mkdir()
        path = folder / "handlers.py"
        path.write_text(SOURCE)
        error = raised_by(runpy.run_path(str(path))["grouped"])
        assert read(drawn(error, width=width)) == expected(error), length


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["chat", "chained", "in_between", "grouped"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"show_locals": True},
        {"force_terminal": True, "color_system": "truecolor", "show_locals": True},
        {"legacy_windows": True, "show_locals": True},
        {"ascii": True, "show_locals": True},
    ],
    ids=["plain", "locals", "colours", "windows", "ascii"],
)
def test_frames_and_types_are_those_of_the_exception(module, name, width, options):
    function = module[name] if name != "chat" else lambda: module["chat"]("socket")
    error = raised_by(function)
    assert read(drawn(error, width=width, **options)) == expected(error)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("behind", ["", "2026-11-29T22:05:09Z [info     ] connection closed"])
def test_a_message_that_was_wrapped_is_put_together(module, width, behind):
    error = raised_by(module["chained"])
    lines = [*drawn(error, width=width), behind, "Shutting down"]
    begin = next(number for number, line in enumerate(lines) if is_box(line))
    last = read_box(lines[begin:]).raised[-1]
    assert last.message.replace(" ", "") == str(error).replace(" ", "")
    if width >= 80:
        assert last.message == str(error)


@pytest.mark.parametrize("width", [64, 100])
def test_the_line_of_a_frame_is_the_marked_one(module, width):
    error = raised_by(lambda: module["chat"]("socket"))
    lines = drawn(error, width=width)
    begin = next(number for number, line in enumerate(lines) if is_box(line))
    (item,) = read_box(lines[begin:]).raised
    assert [frame.source for frame in item.frames[-2:]] == [
        "receive(socket)",
        'raise WebSocketDisconnect(1001, "")',
    ]
    assert Path(item.frames[-1].file).is_file()
