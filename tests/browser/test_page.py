"""The HTML report in headless Chromium: silent, self-contained, usable by keyboard and mouse.

It wants a Chromium, which ``.ci/run`` installs where it can. With
``WSDOCTOR_PICTURES=folder`` it leaves screenshots there, to be looked at.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.browser.chromium import NAMES, chromium
from tests.report.hostile import HOSTILE
from tests.report.samples import FULL, HEALTHY, NOTHING, variant
from wsdoctor import run_variant
from wsdoctor.report import html

pytestmark = [
    pytest.mark.skipif(not any(map(shutil.which, NAMES)), reason="wants a Chromium on the PATH"),
    pytest.mark.xdist_group("browser"),
]

REPORTS = {
    "full": [FULL],
    "hostile": [HOSTILE],
    "nothing": [NOTHING],
    "variants": [variant(FULL, "naive", "WSD201"), variant(HEALTHY, "fixed")],
}

LOOKS = {
    "light": (1280, 900, "light", ""),
    "dark": (1280, 900, "dark", ""),
    "narrow": (420, 900, "light", ""),
    "print": (800, 900, "light", "print"),
}


@pytest.fixture(scope="module")
def real():
    """What ``wsdoctor run --variant naive`` finds."""
    return run_variant("naive")


@pytest.fixture
def page(tmp_path):
    with chromium(tmp_path / "profile") as tab:
        yield tab


def _write(path: Path, reports) -> Path:
    path.write_bytes(html.render(reports))
    return path


@pytest.mark.parametrize("name", REPORTS)
def test_it_says_nothing_and_asks_for_nothing(name, page, tmp_path):
    file = _write(tmp_path / "report.html", REPORTS[name])
    page.open(file)
    page.run("scrollTo(0, document.body.scrollHeight)")
    assert page.said == []
    assert page.asked == [file.as_uri()]


def test_zoom_by_keyboard_and_by_mouse(page, tmp_path, real):
    page.look(1280, 900)
    page.open(_write(tmp_path / "report.html", [real]))
    zoom = "document.querySelector('output').textContent"
    width = "Number(document.querySelector('.scroll svg').getAttribute('width'))"
    labels = "document.querySelectorAll('.scroll svg .label:not(.hidden)').length"
    before = page.run(zoom), page.run(width), page.run(labels)
    page.run("document.querySelector('.scroll').focus()")
    for _ in range(4):
        page.press("+")
    near = page.run(zoom), page.run(width), page.run(labels)
    assert near[0] != before[0]
    assert near[1] > before[1] * 3
    assert near[2] > before[2]
    page.press("0")
    assert (page.run(zoom), page.run(width), page.run(labels)) == before
    page.run("document.querySelector('[data-act=in]').click()")
    assert page.run(width) > before[1]
    page.press("-")
    assert page.run(width) == pytest.approx(before[1])
    page.run(
        "window.wheeled = new Promise((done) => addEventListener('wheel', () => done(), {once: true}));0"
    )
    page.run("document.querySelector('.scroll').scrollIntoView({block: 'center'})")
    page.run(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done())))"
    )
    x, y = page.run(
        "(() => {const r = document.querySelector('.scroll').getBoundingClientRect();"
        "return [r.left + 200, r.top + 60]})()"
    )
    page.call(
        "Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=-300, modifiers=2
    )
    page.run("wheeled")
    assert page.run(width) > before[1]
    assert page.said == []


def test_everything_can_be_reached_by_keyboard(page, tmp_path, real):
    page.open(_write(tmp_path / "report.html", [real]))
    seen = set()
    for _ in range(40):
        page.call(
            "Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9
        )
        page.call(
            "Input.dispatchKeyEvent", type="keyUp", key="Tab", code="Tab", windowsVirtualKeyCode=9
        )
        seen.add(page.run("document.activeElement.className || document.activeElement.tagName"))
    assert {"skip", "A", "BUTTON", "scroll", "source"} <= seen


@pytest.mark.parametrize("look", LOOKS)
def test_nothing_sticks_out_and_text_can_be_read(look, page, tmp_path, real):
    width, height, scheme, media = LOOKS[look]
    page.look(width, height, scheme=scheme, media=media)
    page.open(_write(tmp_path / "report.html", [real]))
    assert page.run("document.documentElement.scrollWidth") <= width
    assert _contrast(page, "body") > 7
    for selector in (".soft, dt", ".badge", ".source td.n", "td.masked, td.logged"):
        assert _contrast(page, selector) >= 4.5, selector
    if folder := os.environ.get("WSDOCTOR_PICTURES"):
        (Path(folder) / f"{look}.png").write_bytes(page.picture())


def _contrast(page, selector: str) -> float:
    """The contrast of the first such element's text with its background (WCAG 2, 1.4.3)."""
    return page.run(
        f"""(() => {{
          const parse = (text) => text.match(/[\\d.]+/g).map(Number);
          const light = (colour) => {{
            const [r, g, b] = colour.slice(0, 3).map((part) => {{
              const c = part / 255;
              return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
            }});
            return 0.2126 * r + 0.7152 * g + 0.0722 * b;
          }};
          const element = document.querySelector({selector!r});
          let behind = element;
          const colour = (item) => parse(getComputedStyle(item).backgroundColor);
          while (behind.parentElement && colour(behind)[3] === 0) behind = behind.parentElement;
          const [a, b] = [light(parse(getComputedStyle(element).color)), light(colour(behind))];
          return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        }})()"""
    )
