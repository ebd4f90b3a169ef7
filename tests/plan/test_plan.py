from __future__ import annotations

import pytest

from wsdoctor.plan import PlanError
from wsdoctor.plan.kinds import DEFAULT_KINDS, KINDS, close_code, parse_kind
from wsdoctor.plan.matrix import cases
from wsdoctor.plan.moments import NAMED, is_poll, messages_needed, parse_moment
from wsdoctor.plan.servers import SERVERS, parse_server
from wsdoctor.recording.case import Handshake


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
    # RFC 6455, section 7.4: reserved codes, and ranges that nobody may use.
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
