"""The events of a close, for any code and reason that the application gives."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import msgspec
import pytest

from tests.session.cells import all_of, run
from wsdoctor.recording.events import SendCalled
from wsdoctor.recording.recording import Recording


class Own(IntEnum):
    TIRED = 4000


class Index:
    def __index__(self) -> int:
        return 4001

    def __repr__(self) -> str:
        return "Index()"


def closed_with(**fields: Any) -> tuple[int | None, int | None, str]:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", **fields})

    recording = run(app)
    # It comes from a worker, and may be saved.
    again = msgspec.json.decode(msgspec.json.encode(recording), type=Recording)
    (close,) = (event for event in all_of(again, SendCalled) if event.message == "websocket.close")
    return close.code, close.reason_size, close.mistyped


@pytest.mark.parametrize(
    "fields, recorded",
    [
        ({}, (None, 0, "")),
        ({"code": 1008, "reason": "no"}, (1008, 2, "")),
        ({"code": Own.TIRED, "reason": ""}, (4000, 0, "")),
        ({"code": Index(), "reason": None}, (4001, 0, "")),
        ({"code": True}, (1, 0, "")),
        ({"code": 10**40}, (2**31, 0, "")),
        ({"code": -(10**40)}, (-(2**31), 0, "")),
        ({"code": "1008"}, (None, 0, "the code is of type str, and must be an int")),
        ({"code": 1008.0}, (None, 0, "the code is of type float, and must be an int")),
        ({"code": None}, (None, 0, "the code is of type None, and must be an int")),
        (
            {"code": 1008, "reason": b"no"},
            (1008, 0, "the reason is of type bytes, and must be a str"),
        ),
        ({"code": 1008, "reason": "é" * 62}, (1008, 124, "")),
        ({"code": 1008, "reason": "\ud800"}, (1008, None, "")),
    ],
    ids=str,
)
def test_a_close_is_recorded_as_what_it_says(fields, recorded):
    assert closed_with(**fields) == recorded


@pytest.mark.parametrize("text", [5, ["a"], object()], ids=["int", "list", "object"])
def test_a_message_of_a_wrong_type_is_the_servers_to_refuse(text):
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": text})

    (send,) = (event for event in all_of(run(app), SendCalled) if event.message == "websocket.send")
    assert send.size == 0
