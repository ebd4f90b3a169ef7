"""The HTML report, read by the standard's own parser in its strict mode."""

from __future__ import annotations

import base64
import hashlib
import re
from html import escape

import html5lib
import pytest
from msgspec.structs import replace

from tests.report.hostile import HOSTILE, MARKUP
from tests.report.samples import DEFECTIVE, FINDING, FULL, HEALTHY, NOTHING, variant
from wsdoctor.report import html

REPORTS = {
    "full": [FULL],
    "defective": [DEFECTIVE],
    "healthy": [HEALTHY],
    "nothing": [NOTHING],
    "interrupted": [replace(HEALTHY, interrupted=True)],
    "variants": [variant(FULL, "naive", "WSD201"), variant(HEALTHY, "fixed")],
    "none": [],
    "hostile": [HOSTILE],
}


def _parse(reports):
    page = html.render(reports).decode()
    return page, html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)


@pytest.mark.parametrize("reports", REPORTS.values(), ids=REPORTS)
def test_it_is_valid_and_asks_for_nothing(reports):
    page, tree = _parse(reports)
    ids = [element.get("id") for element in tree.iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    for element in tree.iter():
        assert "src" not in element.keys()  # noqa: SIM118 - an element's attributes are no mapping
        assert not any(name.startswith("on") or name == "style" for name in element.keys())  # noqa: SIM118
        assert element.tag not in {"link", "img", "iframe", "object", "embed", "base", "form"}
        if (to := element.get("href")) is not None:
            assert to.startswith("#")
            assert to[1:] in ids
    assert not re.search(
        r"(?:https?:)?//", "".join(re.findall(r"<style>(.*?)</style>", page, re.DOTALL))
    )
    assert "@import" not in page
    assert "url(" not in page


def test_its_policy_allows_its_own_style_and_script_and_nothing_else():
    page, tree = _parse([FULL])
    policy = next(
        element.get("content")
        for element in tree.iter("meta")
        if element.get("http-equiv") == "Content-Security-Policy"
    )
    assert "default-src 'none'" in policy
    for tag in ("style", "script"):
        (text,) = re.findall(f"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_what_the_application_says_is_text():
    page, tree = _parse([HOSTILE])
    assert MARKUP not in page
    assert escape(MARKUP) in page
    assert len(list(tree.iter("script"))) == 1
    assert "\x1b" not in page


SVG = "{http://www.w3.org/2000/svg}"


def _text(element):
    return " ".join("".join(element.itertext()).split())


def test_the_marked_line_and_the_awaits_can_be_told_without_colour():
    _, tree = _parse([FULL])
    (marked,) = [row for row in tree.iter("tr") if row.get("class") == "here"]
    assert _text(marked).startswith("▶ the marked line 41")
    assert "await task" in _text(marked)
    cells = {cell.get("class"): _text(cell) for cell in tree.iter("td") if cell.get("class")}
    assert cells["a met"] == "●"
    assert cells["a missed"] == "○"


def test_the_matrix_has_a_sign_in_every_cell():
    _, tree = _parse([DEFECTIVE])
    cells = [_text(c) for c in tree.iter("td") if c.get("class") in {"bad", "good", "unsure"}]
    assert len(cells) == 9
    assert set(cells) == {"✕findings at 2/2", "✕findings at 1/2"}


def test_the_timeline_has_five_lanes_bars_and_the_fault_and_the_same_beside_it():
    _, tree = _parse([FULL])
    ours, theirs = [svg for svg in tree.iter(f"{SVG}svg") if svg.get("role") == "img"]
    lanes = [_text(text) for text in tree.iter(f"{SVG}text") if text.get("class") == "lane-name"]
    assert lanes[:5] == ["client", "wire", "server", "app tasks", "log"]
    bars = [
        rect.get("class") for rect in ours.iter(f"{SVG}rect") if "life" in rect.get("class", "")
    ]
    assert bars == ["life handler", "life task open"]
    faulty = [a for a in ours.iter(f"{SVG}a") if "faulty" in a.get("class")]
    assert len(faulty) == 1
    assert not [a for a in theirs.iter(f"{SVG}a") if "faulty" in a.get("class")]
    titles = [_text(h) for h in tree.iter("h4")]
    assert titles[1].startswith("The same on wsproto, where it does not happen")
    # the same instant stands at the same place in both
    places = [
        [a.get("data-x") for a in svg.iter(f"{SVG}g") if a.find(f"{SVG}a") is not None]
        for svg in (ours, theirs)
    ]
    assert places[1] == places[0][:5]


def test_a_finding_without_a_line_a_timeline_or_a_remedy():
    bare = replace(FINDING, location=None, remedy="", fingerprint="other")
    _, tree = _parse([replace(DEFECTIVE, findings=(bare,))])
    assert not list(tree.iter(f"{SVG}svg"))
