"""The table of texts: what software prints, and the rules that may stand behind it."""

from __future__ import annotations

import io
import json
from typing import get_args

import pytest

from wsdoctor.diagnosis.logged import Shape
from wsdoctor.diagnosis.rules import RULES
from wsdoctor.triage.causes import triage
from wsdoctor.triage.reader import incidents
from wsdoctor.triage.signatures import SIGNATURES, near, signature_of

ALONE = [signature for signature in SIGNATURES if signature.needle and signature.proof]


def names(rows):
    return [signature.example for signature in rows]


def triaged(log: str):
    return triage(incidents(io.BytesIO(log.encode())))


@pytest.mark.parametrize("signature", SIGNATURES, ids=names(SIGNATURES))
def test_an_example_is_of_its_own_signature_and_no_other(signature):
    assert signature_of(signature.example) is signature


@pytest.mark.parametrize("signature", SIGNATURES, ids=names(SIGNATURES))
def test_every_row_names_rules_and_says_what_the_text_means(signature):
    assert signature.codes
    assert set(signature.codes) <= RULES.keys()
    assert len(set(signature.codes)) == len(signature.codes)
    assert signature.means[0].islower() or signature.means.startswith(("Starlette", "Litestar"))
    assert not signature.means.endswith(".")


@pytest.mark.parametrize("signature", SIGNATURES, ids=names(SIGNATURES))
def test_a_needle_is_in_the_text_and_survives_json(signature):
    assert signature.needle in signature.example
    assert signature.needle in json.dumps(signature.example)


@pytest.mark.parametrize("signature", ALONE, ids=names(ALONE))
@pytest.mark.parametrize("wrap", ["{}", "2026-11-29 22:05:09 ERROR shop: {}", "web-1  | {}"])
def test_a_text_that_proves_itself_is_an_incident_without_a_traceback(signature, wrap):
    if signature.last_line and "ERROR" in wrap:
        wrap = "ERROR {}"
    found = triaged(f"INFO: before\n{wrap.format(signature.example)}\nINFO: after\n")
    assert [cause.code for cause in found.causes] == [signature.code]


@pytest.mark.parametrize("signature", ALONE, ids=names(ALONE))
def test_it_is_found_in_json_as_well(signature):
    found = triaged(json.dumps({"level": "error", "event": signature.example, "n": 1}) + "\n")
    assert [cause.count for cause in found.causes] == [1]


@pytest.mark.parametrize(
    "text, code",
    [
        ("Unexpected ASGI message 'websocket.close'", "WSD101"),
        ("django_1  | RuntimeError: Unexpected ASGI message 'websocket.close', after s", "WSD101"),
        ("Unexpected message type, websocket.close given the state ASGIWebsocketState.CLOSED", "WSD101"),
        ("Unexpected message type, websocket.send given the state ASGIWebsocketState.CLOSED", "WSD102"),
        ("Unexpected message type, http.response.start given the state ASGIWebsocketState.HANDSHAKE", "WSD106"),
        ("Expected ASGI message 'websocket.send' or 'websocket.close', but got 'websocket.accept'.", "WSD106"),
        ('Expected ASGI message "websocket.accept", "websocket.close" or "websocket.http.response.start", but got \'websocket.send\'', "WSD106"),
        ('xx => Cannot call \\"send\\" once a close message has been sent.', "WSD103"),
        ("starlette.websockets.WebSocketDisconnected: Cannot call 'send' once a close message has been sent.", "WSD103"),
        ("cannot call recv while another coroutine is already running recv or recv_streaming", "WSD105"),
        ("websockets.exceptions.ProtocolError: control frame too long", "WSD107"),
        ("litestar.exceptions.websocket_exceptions.WebSocketDisconnect: disconnect event", "WSD201"),
        ("websockets.exceptions.ConnectionClosedOK: received 1000 (OK); then sent 1000 (OK)", "WSD204"),
        ("websockets.exceptions.ConnectionClosedError: sent 1011 (internal error) keepalive ping timeout; no close frame received", "WSD204"),
        ("received 4500 (private use) Internal Server Error; then sent 4500", "WSD602"),
        ("RuntimeError: dictionary changed size during iteration", "WSD405"),
        ("RuntimeError: deque mutated during iteration", "WSD405"),
        ("RuntimeError: Attempted to exit cancel scope in a different task than it was entered in", "WSD304"),
        ("Future exception was never retrieved", "WSD302"),
        ("Exception in callback <function done at 0x7f>", "WSD207"),
        ("Error in ASGI Framework", "WSD201"),
        ("[2026-11-29 22:05:09 +0000] [1] [ERROR] Worker (pid:17) was sent SIGKILL! Perhaps out of memory?", "WSD407"),
        ("ERROR:    Application startup failed. Exiting.", "WSD001"),
        ('INFO:     127.0.0.1:52000 - "WebSocket /ws" 403', "WSD002"),
    ],
)  # fmt: skip
def test_other_words_for_the_same(text, code):
    signature = signature_of(text)
    assert signature is not None
    assert signature.codes[0] == code


@pytest.mark.parametrize(
    "text",
    [
        "RuntimeError: Unexpected ASGI message 'http.response.start' sent, after response already completed.",
        "hypercorn.utils.UnexpectedMessageError: Unexpected message type, http.response.body given the state ASGIHTTPState.CLOSED",
        "h11._util.LocalProtocolError: Can't send data when our state is ERROR",
        "starlette.requests.ClientDisconnect",
        "Application instance <Task pending> for connection <WebRequest at 0x7f method=GET uri=/> took too long to shut down and was killed.",
        "asyncpg.exceptions.ConnectionDoesNotExistError: connection was closed in the middle of operation",
        "redis.exceptions.ConnectionError: Connection closed by server.",
        "KeyError: 'websocket'",
        "a close message has been sent to the customer",
        'INFO:     127.0.0.1:52000 - "GET /ws HTTP/1.1" 403',
    ],
)
def test_texts_that_are_none_of_these(text):
    assert signature_of(text) is None


def test_no_two_texts_are_compared_at_the_same_place():
    orders = [signature.order for signature in SIGNATURES]
    assert orders == sorted(set(orders))


def test_every_shape_of_a_traceback_belongs_to_one_rule_and_names_others_that_exist():
    owned = [each for rule in RULES.values() for each in rule.tracebacks]
    assert sorted(each.shape for each in owned) == sorted(get_args(Shape))
    assert all(set(each.also) <= RULES.keys() for each in owned)


def test_the_nearest_texts_are_offered_for_one_that_is_unknown():
    wrong = "RuntimeError: Unexpected ASGI message 'http.response.start', after response already completed"
    assert "websocket" in near(wrong)[0].example
    assert near("the moon is made of cheese") == []


def test_no_pattern_takes_long_on_a_long_line():
    line = "Unexpected message type, " + "a" * 50_000
    assert signature_of(line) is None
    assert signature_of("Executing <Task " + "> took " * 10_000) is None
