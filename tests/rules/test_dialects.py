"""A remedy speaks the words of the framework that the application imports, and of no other."""

from __future__ import annotations

import itertools
import re

import pytest
from msgspec.structs import replace as changed

from tests.diagnosis.story import Story, frame
from wsdoctor.diagnosis.dialect import DIALECTS, dialect_of
from wsdoctor.diagnosis.remedy_context import SETTINGS
from wsdoctor.diagnosis.rules import RULES

THEIRS = {
    "starlette": r"WebSocketDisconnect|WebSocketException|Starlette|FastAPI|\b(receive|iter|send)_(text|json|bytes)\b"
    r"|websocket\.receive\(\)\)\[|\.iter_|on_connect|on_disconnect|: WebSocket\b",
    "litestar": r"WebSocketDisconnect|WebSocketException|Litestar|\bsocket\b|send_websocket_stream|websocket_stream"
    r"|iter_data|listen_for_disconnect|on_accept|on_disconnect",
    "quart": r"Quart|\babort\(|\bwebsocket\.(send|receive|close|accept)\(",
    "channels": r"Channels|StopConsumer|\bself\.(send|close|accept)\(|text_data",
    "asgi": r"\bawait send\(\{|\bawait receive\(\)\)\[",
}
"""What only one of them says: its exceptions and calls."""


FRAME = frame(1)


def foreign(dialect: str, text: str) -> set[str]:
    """What ``text`` says in the words of others."""
    others = (words for name, words in THEIRS.items() if name != dialect)
    return {found[0] for words in others for found in re.finditer(words, text)}


@pytest.mark.parametrize("dialect", ["asgi", "quart", "channels"])
@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_no_remedy_names_what_the_application_does_not_import(rule, dialect):
    for setting in SETTINGS:
        assert foreign(dialect, rule.remedy_for(dialect, setting)) == set()


def test_foreign_words_would_be_noticed():
    text = RULES["WSD201"].remedy_for("starlette")
    assert foreign("quart", text) == {"WebSocketDisconnect"}
    text = RULES["WSD104"].remedy_for("channels")
    assert foreign("asgi", text) >= {"StopConsumer", "Channels"}


IMPORTS = {
    "from quart import Quart, websocket": "quart",
    "import quart": "quart",
    "from channels.generic.websocket import AsyncWebsocketConsumer": "channels",
    "from fastapi import APIRouter, WebSocket": "fastapi",
    "from starlette.websockets import WebSocketDisconnect": "starlette",
    "from litestar.handlers import websocket_listener": "litestar",
    "from starlette.types import Receive, Scope, Send": "asgi",
    "from fastapi import FastAPI": "asgi",
    "from .quart import helper": "asgi",
    "import asyncio": "asgi",
    "": "asgi",
    "def (": "asgi",
}


@pytest.mark.parametrize("source", IMPORTS)
def test_the_words_are_those_of_what_the_file_imports(source):
    recording = changed(
        Story().opened().recording(), framework="asgi", sources={FRAME.file: source}
    )
    assert dialect_of(recording, FRAME) == IMPORTS[source]
    assert dialect_of(changed(recording, handler=FRAME), None) == IMPORTS[source]


@pytest.mark.parametrize(
    "framework, source", [*itertools.product(["litestar", "starlette", "fastapi"], IMPORTS)]
)
def test_the_framework_of_the_application_comes_first(framework, source):
    recording = changed(
        Story().opened().recording(), framework=framework, sources={FRAME.file: source}
    )
    assert dialect_of(recording, FRAME) == framework
    assert framework in DIALECTS
