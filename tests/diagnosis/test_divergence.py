"""Differences between servers, and those of them that become findings."""

from __future__ import annotations

import pytest

from wsdoctor.diagnosis.divergence import divergences
from wsdoctor.diagnosis.ending import Ending
from wsdoctor.diagnosis.finding import Finding, Moments
from wsdoctor.recording.case import Case, Handshake, SendStep

SANSIO, LEGACY, WSPROTO = "uvicorn:websockets-sansio", "uvicorn:websockets", "uvicorn:wsproto"


SAYS_HI = (SendStep("hi"),)


def endings(
    known, *, kind="close", moment="idle", returned=(True, True, True), unread=False, script=()
):
    """An ending on each of the three servers; the times are those after which the end is known."""
    return [
        Ending(
            case=Case("/ws", server, kind, moment, Handshake("/ws"), script=script),
            known=at,
            returned=back,
            unread=unread,
        )
        for server, at, back in zip((SANSIO, LEGACY, WSPROTO), known, returned, strict=True)
    ]


@pytest.mark.parametrize(
    "known, returned, told",
    [
        ((0.0, 0.0, 0.0), (True, True, True), []),
        ((0.0, 4.0, 0.3), (True, True, True), []),  # who is first to notice is no matter
        ((40.0, 50.0, 40.0), (True, True, True), []),  # the legacy one waits for the close frame
        ((0.0, 10.0, 0.0), (True, True, True), []),
        ((39.0, 0.0, 39.0), (True, True, True), [("late", (SANSIO, WSPROTO))]),
        ((0.0, 0.0, 20.0), (True, True, True), [("late", (WSPROTO,))]),
        ((0.0, None, 0.0), (True, True, True), []),  # it ended before the disconnect
        ((0.0, 0.0, 0.0), (False, True, False), [("hangs", (SANSIO, WSPROTO))]),
        ((None, 0.0, None), (False, True, False), [("hangs", (SANSIO, WSPROTO))]),
    ],
)
def test_a_difference_is_one_of_seconds_or_of_the_end(known, returned, told):
    found = divergences(endings(known, returned=returned), ())
    assert [(item.aspect, item.apart) for item in found] == told


def test_one_difference_of_many_moments_and_kinds_is_reported_once():
    many = [
        ending
        for kind in ("abort", "close", "burst")
        for moment in ("idle", "after:1", "after:2")
        for ending in endings(
            (39.0, 0.0, 39.0), kind=kind, moment=moment, unread=True, script=SAYS_HI
        )
    ]
    (found,) = divergences(many, ())
    assert found.kinds == ("abort", "close", "burst")
    assert found.failing == 18
    assert found.unread
    assert found.shown.case.kind == "close"


@pytest.mark.parametrize("script, told", [((), 0), (SAYS_HI, 1)])
def test_a_handler_need_not_read_if_the_client_was_not_to_speak(script, told):
    flooded = endings((0.0, 40.0, 0.0), kind="burst", unread=True, script=script)
    assert len(list(divergences(flooded, ()))) == told


def test_a_handler_that_learns_of_it_at_the_same_time_is_not_late_for_the_wait_of_another():
    """All three notice by a ping: the ten seconds of the legacy one are not in it."""
    assert not list(divergences(endings((40.0, 40.0, 40.0)), ()))


def test_what_is_there_at_few_moments_is_a_race():
    few = [
        *endings((39.0, 0.0, 39.0), moment="after:1"),
        *endings((0.0, 0.0, 0.0), moment="after:2"),
        *endings((0.0, 0.0, 0.0), moment="idle"),
    ]
    assert not list(divergences(few, ()))


def test_a_moment_that_one_server_does_not_have_is_not_compared():
    assert not list(divergences(endings((39.0, 0.0, 39.0))[:1], ()))


def finding(code, servers):
    return Finding(
        code=code,
        name="",
        severity="error",
        fault="app",
        route="/ws",
        message="",
        location=None,
        servers=servers,
        disconnects=(),
        moments=Moments(1, 1, "idle"),
        evidence=(),
        symptoms=(),
        remedy="",
        fingerprint="",
        replay="",
    )


@pytest.mark.parametrize(
    "code, servers, told",
    [
        ("WSD402", {SANSIO: "masked", LEGACY: "no", WSPROTO: "masked"}, 0),
        ("WSD402", {SANSIO: "masked", LEGACY: "masked", WSPROTO: "masked"}, 1),
        ("WSD301", {SANSIO: "masked", LEGACY: "no", WSPROTO: "masked"}, 1),
    ],
)
def test_what_another_finding_tells_is_not_told_twice(code, servers, told):
    apart = endings((None, 0.0, None), returned=(False, True, False))
    assert len(list(divergences(apart, [finding(code, servers)]))) == told
