"""``wsdoctor run``, as a user sees it."""

from __future__ import annotations

import json
import re

import pytest

from tests import shares
from wsdoctor.engine.catalogue import catalogue
from wsdoctor.engine.variants import run_variant
from wsdoctor.options.check import Options
from wsdoctor.plan.moments import NAMED
from wsdoctor.plan.servers import SERVERS


def test_naive_is_as_declared_logged_on_one_server_and_masked_on_the_others(wsdoctor):
    code, out, err = wsdoctor("run", "--variant", "naive", "--format", "json")
    report = json.loads(out)
    assert (code, err) == (0, "")
    (finding,) = [item for item in report["findings"] if item["severity"] != "info"]
    assert finding["code"] == "WSD201"
    assert finding["location"]["snippet"] == "await task"
    assert finding["location"]["file"].endswith("naive.py")
    assert finding["servers"] == {
        "uvicorn:websockets": "logged",
        "uvicorn:websockets-sansio": "masked",
        "uvicorn:wsproto": "masked",
    }
    close = {case["server"]: case["markers"] for case in report["cases"] if case["kind"] == "close"}
    both = {"websocket_disconnect": "{0}", "unexpected_asgi_message": "{0}"}
    for server, mark in finding["servers"].items():
        assert close[server] == {key: value.format(mark) for key, value in both.items()}


def test_text_of_naive_has_the_answers_on_top_and_the_verdict_in_the_last_line(wsdoctor):
    code, out, _ = wsdoctor("run", "--variant", "naive")
    assert code == 0
    assert re.search(r"WebSocketDisconnect escaped\s+masked\s+logged\s+masked", out)
    assert re.search(r"Unexpected ASGI message\s+masked\s+logged\s+masked", out)
    assert "await task" in out
    last = out.strip().splitlines()[-1]
    assert last.startswith("verdict: defective")
    assert last.endswith("as declared")


def test_published_recipe_lets_cancelled_error_escape_on_every_server(wsdoctor):
    code, out, _ = wsdoctor("run", "--variant", "published-recipe", "--format", "json")
    report = json.loads(out)
    (finding,) = [item for item in report["findings"] if item["severity"] != "info"]
    assert code == 0
    assert finding["code"] == "WSD501"
    assert set(finding["servers"].values()) == {"logged"}


def test_fixed_is_healthy_in_every_cell(wsdoctor):
    code, out, _ = wsdoctor("run", "--variant", "fixed", "--format", "json")
    report = json.loads(out)
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])
    assert {case["verdict"] for case in report["cases"]} == {"healthy"}
    assert len(report["cases"]) == 54


def test_what_no_named_moment_shows_a_sweep_comes_upon(wsdoctor):
    command = ("run", "--variant", "swallowed-cancel", "--disconnect", "close,vanish")
    code, out, _ = wsdoctor(*command, "--at", ",".join(NAMED), "--format", "json")
    report = json.loads(out)
    assert (code, report["verdict"], report["findings"]) == (0, "healthy", [])
    code, out, _ = wsdoctor(*command, "--sweep", "--format", "json")
    report = json.loads(out)
    (finding,) = report["findings"]
    assert code == 0
    assert (finding["code"], finding["severity"]) == ("WSD502", "error")
    assert finding["location"]["snippet"] == "with suppress(asyncio.CancelledError):"
    assert set(finding["servers"].values()) == {"masked"}
    assert finding["disconnects"] == ["close"]
    assert finding["confirmed"]["reproduced"] == finding["confirmed"]["of"] > 0
    defective = sum(case["moments"]["defective"] for case in report["cases"])
    assert defective == finding["moments"]["failing"] > 0
    checked = sum(sum(case["moments"].values()) for case in report["cases"])
    assert checked == finding["moments"]["checked"]
    assert defective / checked < 0.05
    moment = finding["replay"].partition("@")[2].split()[0]
    code, out, _ = wsdoctor(*command, "--at", moment)
    assert code == 0
    assert "WSD502" in out


def test_a_variant_that_only_a_sweep_finds_says_so(wsdoctor):
    code, out, _ = wsdoctor("run", "--variant", "swallowed-cancel")
    assert code == 0
    assert "it shows nothing, and WSD502 only in a sweep" in " ".join(out.split())
    code, out, _ = wsdoctor("list", "variants")
    listed = " ".join(out.split())
    assert "(shows WSD502 only in a sweep; fixed in swallowed-cancel-fixed)" in listed


def test_without_arguments_naive_stands_beside_fixed(wsdoctor):
    code, out, _ = wsdoctor("run", "--disconnect", "close")
    assert code == 0
    assert re.search(r"naive.*\n.*fixed|naive[\s\S]*fixed", out)


@pytest.mark.parametrize("variant", [variant.name for variant in catalogue()])
def test_every_variant_behaves_as_it_declares_at_every_named_moment(variant):
    report = run_variant(variant, Options(moments=()))
    assert report.declared is not None
    assert report.declared.as_declared, (report.declared, report.findings)


@pytest.mark.parametrize("variant", [variant.name for variant in catalogue() if not variant.shows])
def test_correct_variants_are_clean_at_all_named_moments(variant):
    """On one server, which is another one the next time (``tests/shares.py``)."""
    moments = tuple(
        m for m in NAMED if variant != "websocket-listener" or m in {"after-accept", "idle"}
    )
    servers = tuple(shares.one_of(tuple(SERVERS), variant))
    report = run_variant(variant, Options(moments=moments, servers=servers))
    assert [f for f in report.findings if f.severity != "info"] == []
    assert {case.verdict for case in report.cases} == {"healthy"}


def test_a_narrowed_matrix_is_narrowed(wsdoctor):
    code, out, _ = wsdoctor(
        *("run", "--variant", "naive", "--ws", "wsproto", "--disconnect", "abort,fin"),
        *("--at", "idle", "--format", "json"),
    )
    ids = [case["id"] for case in json.loads(out)["cases"]]
    assert code == 0
    assert ids == ["/ws abort@idle uvicorn:wsproto", "/ws fin@idle uvicorn:wsproto"]


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        (["--variant", "naiv"], "unknown variant 'naiv': did you mean 'naive'?"),
        (["--ws", "wsprot"], "unknown server 'wsprot'"),
        (["--disconnect", "clos"], "unknown kind of disconnect 'clos': did you mean 'close'?"),
        (["--disconnect", "close:1005"], "a close frame carries a code"),
        (["--at", "later"], "unknown moment 'later'"),
    ],
)
def test_unknown_names_are_one_sentence_and_exit_code_two(wsdoctor, arguments, sentence):
    code, out, err = wsdoctor("run", *arguments)
    assert (code, out) == (2, "")
    assert sentence in err
    assert len(err.strip().splitlines()) == 1
