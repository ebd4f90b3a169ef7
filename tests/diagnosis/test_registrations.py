"""By which method of a library a registration is undone, and whether the user's code did so."""

from __future__ import annotations

import textwrap
from collections.abc import Collection

import pytest

from wsdoctor.diagnosis.registrations import registration, undone_by
from wsdoctor.recording.events import StackFrame

METHODS = {
    "addHandler": "removeHandler",
    "add_listener": "remove_listener",
    "connect": "disconnect",
    "group_add": "group_discard",
    "on": "remove_listener",
    "register_client": "unregister_client",
    "subscribe": "unsubscribe",
}


@pytest.mark.parametrize("does, undoes", METHODS.items(), ids=METHODS)
def test_the_name_of_a_method_tells_that_of_the_one_that_undoes_it(does, undoes):
    assert undoes in undone_by(does)


@pytest.mark.parametrize("name", ["set", "info", "labels", "push", "online", "address"])
def test_other_names_tell_nothing(name):
    assert not list(undone_by(name))


SOURCE = """\
async def handler(ws):
    log.addHandler(own)
    try:
        await talk(ws)
    finally:
        await ws.close()
        log.removeHandler(own)
"""


def known(source: str, line: int = 2, ran: Collection[int] = (), methods: Collection[str] = ()):
    put = StackFrame(file="app.py", line=line, function="handler", user=True, first_line=1)
    lines = {("app.py", number) for number in ran}
    text = textwrap.dedent(source)
    return registration({"app.py": text}, (put,), methods or {*METHODS, *METHODS.values()}, lines)


def test_the_line_that_would_undo_it_is_named_and_whether_it_ran():
    found = known(SOURCE, ran={2, 4, 6})
    assert (found.undo, found.undo_text, found.undone) == (
        "removeHandler",
        "log.removeHandler(own)",
        False,
    )
    assert found.undo_at is not None
    assert found.undo_at.line == 7
    assert known(SOURCE, ran={2, 4, 6, 7}).undone


def test_without_such_a_line_the_method_is_known_all_the_same():
    found = known("async def handler(ws):\n    log.addHandler(own)\n")
    assert (found.undo, found.undo_at, found.undone) == ("removeHandler", None, False)


@pytest.mark.parametrize(
    "line, undone",
    [
        ("news.disconnect(own)", True),
        ("other.disconnect(own)", True),
        ("manager.disconnect(ws)", False),
    ],
)
def test_a_method_with_a_common_name_is_that_of_the_same_object_or_for_the_same_thing(line, undone):
    source = f"async def handler(ws):\n    news.connect(own)\n    {line}\n"
    assert known(source, ran={2, 3}).undone is undone


def test_a_decorator_registers_as_well():
    source = """\
        async def handler(ws):
            @events.on("news")
            def told(text):
                pass
        """
    assert known(source).undo == "remove_listener"


def test_what_is_added_to_a_collection_may_be_meant_to_stay():
    methods = {"add", "remove"}
    source = "async def handler(ws):\n    history.add(ws.name)\n"
    assert not known(source, methods=methods).undo
    source += "    history.remove(ws.name)\n"
    assert known(source, methods=methods).undo == "remove"


@pytest.mark.parametrize("call", ["sched.add_job(tick)", "events.once('news', own)"])
def test_what_ends_by_itself_is_known(call):
    assert known(f"async def handler(ws):\n    {call}\n").lapses


def test_a_method_that_the_library_does_not_have_undoes_nothing():
    assert not known(SOURCE, methods={"addHandler"}).undo
