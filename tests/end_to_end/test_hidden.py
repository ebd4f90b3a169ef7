"""``wsdoctor check`` while its findings are hidden: it says so, and calls nothing healthy."""

from __future__ import annotations

import json

import pytest

APP = """\
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute


async def echo(socket):
    await socket.accept()
    while True:
        await socket.send_text(await socket.receive_text()){comment}


app = Starlette(routes=[WebSocketRoute("/echo", echo)])
"""
QUICK = ("--depth", "quick", "--ws", "wsproto", "--disconnect", "close")


@pytest.fixture
def check(tmp_path, wsdoctor):
    def run(*options: str, comment: str = "") -> tuple[int, str]:
        (tmp_path / "app.py").write_text(APP.format(comment=comment))
        code, out, err = wsdoctor("check", "app.py:app", *QUICK, *options)
        assert "healthy" not in err
        return code, out

    return run


@pytest.mark.parametrize(
    "options, comment, words, by",
    [
        (["--select", "WSD301"], "", "no findings among the selected rules", "--select"),
        (["--ignore", "WSD201"], "", "no other findings", "--ignore"),
        ([], "  # wsdoctor: ignore[WSD201] on purpose", "no other findings", "a comment"),
        (["--baseline", "known.json"], "", "no other findings", "the baseline"),
    ],
)
def test_what_is_hidden_is_said_in_every_report(tmp_path, check, *, options, comment, words, by):
    if "--baseline" in options:
        assert check(*options, "--baseline-update")[0] == 0
    reports = [f"--report={form}=report.{form}" for form in ("markdown", "html", "junit", "github")]
    code, out = check(*options, *reports, "--verbose", comment=comment)
    assert code == 0
    assert "healthy" not in out
    assert f"verdict: {words} in 5 cases; 1 finding is hidden: WSD201 by {by}" in out
    for report in tmp_path.glob("report.*"):
        assert "healthy" not in report.read_text().lower()
    code, out = check(*options, "--format", "json", comment=comment)
    report = json.loads(out)
    assert (code, report["verdict"], len(report["suppressed"])) == (0, "healthy", 1)


def test_rules_that_hide_nothing_leave_the_verdict_as_it_is(tmp_path, check):
    code, out = check("--ignore", "WSD301")
    assert (code, "verdict: defective - 1 error in 5 cases" in out) == (1, True)
