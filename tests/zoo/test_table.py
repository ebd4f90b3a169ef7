"""docs/zoo.md says what the rows of the zoo say, and that each was found."""

from __future__ import annotations

import re

from tests.zoo.table import PAGE, page, said
from tests.zoo.zoo import ZOO


def test_the_page_is_made_from_the_rows():
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(said(text)), "run: python -m tests.zoo.table"


def test_every_one_was_found():
    found = said(PAGE.read_text(encoding="utf-8"))
    assert found.keys() == {(pair.app, pair.name) for pair in ZOO}
    assert all(re.fullmatch(r"[1-9]\d* of [1-9]\d*", often) for often in found.values()), found
