from __future__ import annotations

import pytest

from wsdoctor.plan import PlanError
from wsdoctor.plan.kinds import DEFAULT_KINDS, KINDS, close_code, parse_kind
from wsdoctor.plan.matrix import cases
from wsdoctor.plan.moments import NAMED, is_poll, messages_needed, parse_moment
from wsdoctor.plan.servers import SERVERS, parse_server
from wsdoctor.recording.case import Handshake, SendStep


@pytest.mark.parametrize(
    "text, name",
    [
        ("close", "close"),
        (" abort ", "abort"),
        ("close:1000", "close"),
        ("close:1001", "close:1001"),
        ("close:04999", "close:4999"),
    ],
)
def test_kinds_are_parsed(text, name):
    assert parse_kind(text) == name


@pytest.mark.parametrize("code", ["", "x", "999", "1004", "1005", "1006", "1015", "2000", "5000"])
def test_a_close_frame_must_not_carry_every_code(code):
    # RFC 6455, section 7.4: reserved codes, and ranges that are not in use.
    with pytest.raises(PlanError, match="a close frame carries a code"):
        parse_kind(f"close:{code}")


@pytest.mark.parametrize(
    "parse, text, hint",
    [
        (parse_kind, "abrot", "did you mean 'abort'"),
        (parse_server, "uvicorn:wsprot", "did you mean 'uvicorn:wsproto'"),
        (parse_moment, "idel", "did you mean 'idle'"),
        (parse_moment, "after:0", "unknown moment 'after:0'"),
        (parse_moment, "after:N", "unknown moment 'after:N'"),
    ],
)
def test_what_is_unknown_is_said_with_the_nearest_name(parse, text, hint):
    with pytest.raises(PlanError) as raised:
        parse(text)
    assert hint in str(raised.value)
    assert text in str(raised.value)


def test_servers_may_be_given_without_their_family():
    assert [parse_server(name.partition(":")[2]) for name in SERVERS] == list(SERVERS)


@pytest.mark.parametrize("moment, is_one", [("send#2+1", True), ("call+3", True), ("send#2+0", False), ("+1", False), ("idle", False), ("after:2", False)])  # fmt: skip
def test_polls_have_names_of_their_own(moment, is_one):
    assert is_poll(moment) is is_one
    if is_one:
        assert parse_moment(moment) == moment


@pytest.mark.parametrize("moment, needed", [("after:7", 7), ("mid-send", 2), ("idle", 0), ("after-accept", 0)])  # fmt: skip
def test_some_moments_need_messages(moment, needed):
    assert messages_needed(moment) == needed


def test_close_codes_follow_from_the_kind():
    assert {kind: close_code(kind) for kind in ("close", "close:4001", "no-code", "abort")} == {
        "close": 1000,
        "close:4001": 4001,
        "no-code": None,
        "abort": None,
    }


def test_by_default_every_kind_is_in_the_matrix():
    assert len(DEFAULT_KINDS) == len(KINDS)
    assert [parse_kind(kind) for kind in DEFAULT_KINDS] == list(DEFAULT_KINDS)


def test_the_matrix_is_the_product_and_before_accept_has_one_moment():
    planned = list(
        cases(
            route="/ws",
            handshake=Handshake(path="/ws"),
            servers=SERVERS,
            kinds=("close", "before-accept"),
            moments=NAMED,
        )
    )
    ids = [case.id for case in planned]
    assert len(ids) == len(set(ids)) == len(SERVERS) * (len(NAMED) + 1)
    assert ids[0] == "/ws close@after-accept uvicorn:websockets-sansio"
    assert "/ws before-accept@handshake uvicorn:wsproto" in ids


def _rfc_6455(code: int) -> bool:
    """Section 7.4.1 and 7.4.2, with the registry's 1012 to 1014: what an endpoint may put on the wire."""
    if code < 1000 or code > 4999:
        return False
    if code < 3000:
        return code in {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014}
    return True


def test_every_close_code_is_as_the_rfc_says():
    for code in range(6000):
        try:
            kind = parse_kind(f"close:{code}")
        except PlanError:
            assert not _rfc_6455(code), code
        else:
            assert _rfc_6455(code), code
            assert close_code(kind) == code


@pytest.mark.parametrize(
    "text", ["close:-1", "close:+1000", "close:1e3", "close: 1001", "close:1001 ", "close:١٠٠١"]
)
def test_a_code_is_written_in_digits(text):
    """Or it is refused in a sentence; never a traceback."""
    try:
        kind = parse_kind(text)
    except PlanError as error:
        said = str(error)
    else:
        said = f"a close frame carries a code, and it is that of {kind}"
    assert "a close frame carries a code" in said
    assert "of close:" not in said or said.endswith("of close:1001")


@pytest.mark.parametrize("parse, known", [(parse_kind, KINDS), (parse_server, SERVERS)])
def test_an_error_lists_what_there_is(parse, known):
    with pytest.raises(PlanError) as raised:
        parse("no such thing")
    assert all(name in str(raised.value) for name in known)
    assert "did you mean" not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "parse, names", [(parse_kind, DEFAULT_KINDS), (parse_server, SERVERS), (parse_moment, NAMED)]
)
def test_names_are_their_own_names(parse, names):
    assert [parse(name) for name in names] == list(names)
    assert [parse(f"  {name}\t") for name in names] == list(names)


@pytest.mark.parametrize(
    "text, name", [("after:1", "after:1"), ("after:007", "after:7"), (" after:2 ", "after:2")]
)
def test_moments_by_count(text, name):
    assert parse_moment(text) == name


@pytest.mark.parametrize("text", ["after:", "after:-1", "after:1.5", "after:x", "AFTER-ACCEPT", ""])
def test_what_is_no_moment(text):
    with pytest.raises(PlanError, match="unknown moment"):
        parse_moment(text)


def test_the_matrix_goes_server_by_server_in_the_order_that_was_asked_for():
    planned = cases(
        route="/r",
        handshake=Handshake(path="/r", query="a=1"),
        servers=iter(["uvicorn:wsproto", "uvicorn:websockets"]),
        kinds=iter(["fin", "close:4000"]),
        moments=iter(["idle", "after:2"]),
    )
    assert [case.id for case in planned] == [
        f"/r {kind}@{moment} {server}"
        for server in ("uvicorn:wsproto", "uvicorn:websockets")
        for kind in ("fin", "close:4000")
        for moment in ("idle", "after:2")
    ]


def test_the_matrix_hands_handshake_and_script_to_every_case():
    handshake, script = Handshake(path="/x", headers=(("A", "b"),)), (SendStep(text="hi"),)
    planned = list(
        cases(
            route="/r",
            handshake=handshake,
            servers=SERVERS,
            kinds=("before-accept",),
            moments=NAMED,
            script=script,
        )
    )
    assert len(planned) == len(SERVERS)
    assert {(case.handshake, case.script, case.moment) for case in planned} == {
        (handshake, script, "handshake")
    }
