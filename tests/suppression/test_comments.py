from __future__ import annotations

import pytest

from wsdoctor.suppression.comments import read_comments
from wsdoctor.suppression.selection import SelectionError, codes_of

SOURCE = """\
TEXT = "# wsdoctor: ignore[WSD101] a text, no comment"


class Rooms:  # wsdoctor: ignore[WSD301] they come back
    @listener  # wsdoctor: ignore[WSD302]: one method
    async def on_accept(
        self,
    ) -> None:
        task = start()
        await task  # wsdoctor: ignore[cancelled-error-escapes, WSD2] - known

    async def on_disconnect(self) -> None:
        await end()
"""


def silenced(code: str, line: int) -> bool:
    return any(c.silences(code, line) for c in read_comments(SOURCE, "app.py").comments)


@pytest.mark.parametrize(
    "code, line, expected",
    [
        ("WSD101", 1, False),
        ("WSD301", 9, True),
        ("WSD301", 13, True),
        ("WSD302", 9, True),
        ("WSD302", 13, False),
        ("WSD501", 10, True),
        ("WSD203", 10, True),
        ("WSD501", 9, False),
    ],
)
def test_a_comment_holds_for_its_line_or_for_all_that_it_is_the_head_of(code, line, expected):
    assert silenced(code, line) is expected


def test_the_reason_is_what_stands_behind_it():
    reasons = [comment.reason for comment in read_comments(SOURCE, "app.py").comments]
    assert reasons == ["they come back", "one method", "known"]


@pytest.mark.parametrize(
    "comment, sentence",
    [
        ("# wsdoctor: ignore", "app.py:1: a comment that ignores everything ignores nothing"),
        ("# wsdoctor: ignore[] why", "app.py:1: a comment that ignores everything"),
        ("# wsdoctor: ignore[WSD999]", "app.py:1: there is no rule 'WSD999'"),
    ],
)
def test_a_comment_that_means_nothing_is_said(comment, sentence):
    found = read_comments(f"x = 1  {comment}\n", "app.py")
    assert found.comments == ()
    assert found.mistakes[0].startswith(sentence)


def test_a_file_that_python_cannot_read_has_what_could_be_read():
    found = read_comments("x = 1  # wsdoctor: ignore[WSD301]\n(", "app.py")
    assert [comment.lines for comment in found.comments] == [(1, 1)]


def test_rules_are_chosen_by_code_name_and_prefix():
    assert codes_of(["wsd201"]) == codes_of(["unhandled-disconnect"]) == {"WSD201"}
    assert {"WSD401", "WSD402"} <= codes_of(["WSD4"])
    assert codes_of(["WSD"]) == codes_of(["all"])
    with pytest.raises(SelectionError, match="did you mean 'orphan-task'"):
        codes_of(["orphan-tasks"])
