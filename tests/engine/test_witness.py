"""What an emitted test that passes says of its finding: only if it went as wsdoctor had seen it."""

from __future__ import annotations

import msgspec
import pytest

from wsdoctor.engine.witness import _passed, _Saw

CONNECT, ACCEPT, SEND = "< websocket.connect", "> websocket.accept", "> websocket.send"
LEFT = "< websocket.disconnect"


@pytest.mark.parametrize(
    "recorded, seen, answer",
    [
        ([CONNECT, ACCEPT, SEND], [CONNECT, ACCEPT, SEND, SEND], "passed"),
        ([CONNECT, ACCEPT, SEND], [CONNECT, ACCEPT, LEFT, SEND], "not-met"),
        # the same messages, and only here the server has refused the last one
        ([CONNECT, ACCEPT, SEND], [CONNECT, ACCEPT, SEND, "! OSError"], "not-met"),
        ([CONNECT, ACCEPT, SEND, "!"], [CONNECT, ACCEPT, SEND, "! OSError"], "passed"),
        ([CONNECT, ACCEPT, SEND, "!"], [CONNECT, ACCEPT, SEND], "not-met"),
    ],
)
def test_a_test_that_passes_contradicts_what_came_in_the_same_order(
    tmp_path, recorded, seen, answer
):
    saw = tmp_path / "saw.json"
    saw.write_bytes(msgspec.json.encode(_Saw(met=True, messages=seen)))
    assert _passed(saw, recorded)[0] == answer
    saw.write_bytes(msgspec.json.encode(_Saw(met=False, messages=seen)))
    assert _passed(saw, recorded)[0] == "not-met"
