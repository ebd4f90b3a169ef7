"""How columns are shared, and what is done to characters that a terminal would obey."""

from __future__ import annotations

import pytest

from wsdoctor.report.layout import flattest, visible


@pytest.mark.parametrize(
    "columns, width",
    [
        ([["a" * 5], ["b" * 5]], 40),
        ([["short"], ["words " * 20]], 40),
        ([["x"]], 40),
        ([[], ["y"], ["z " * 100]], 40),
    ],
)
def test_no_more_than_the_width_is_shared_out(columns, width):
    shared = flattest(columns, width, 8)
    assert sum(shared) <= width
    assert min(shared) >= 8


def test_long_texts_get_the_room():
    narrow, wide = flattest([["short"] * 5, ["quite a lot of words"] * 5], 36, 8)
    assert wide >= len("quite a lot of words") > narrow


def test_no_column_gets_less_than_the_least():
    assert flattest([["a"], ["b"]], 10, 8) == [8, 8]


@pytest.mark.parametrize(
    "given, shown",
    [("a\x1b[31mb", r"a\x1b[31mb"), ("tab\tand\nline", "tab\tand\nline"), ("\x00\x7f", r"\x00\x7f"),
     ("a\r\nb\rc", "a\nb\\x0dc")],
)  # fmt: skip
def test_control_characters(given, shown):
    assert visible(given) == shown
