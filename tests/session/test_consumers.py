"""What a class of the user's leaves out is the user's, though it is a package that waits on (Channels)."""

from __future__ import annotations

from typing import Any

import pytest
from channels.consumer import AsyncConsumer, SyncConsumer  # type: ignore[import-untyped]
from channels.exceptions import StopConsumer  # type: ignore[import-untyped]
from channels.generic.websocket import (  # type: ignore[import-untyped]
    AsyncWebsocketConsumer,
    WebsocketConsumer,
)
from channels.routing import ProtocolTypeRouter  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]

from tests.session.cells import SANSIO, run
from wsdoctor.diagnosis.diagnose import diagnose

if not settings.configured:
    settings.configure()


class Raw(AsyncConsumer):  # type: ignore[misc]
    async def websocket_connect(self, event: Any) -> None:
        await self.send({"type": "websocket.accept"})

    async def websocket_receive(self, event: Any) -> None:
        pass

    async def websocket_disconnect(self, event: Any) -> None:
        pass


class RawStopped(Raw):
    async def websocket_disconnect(self, event: Any) -> None:
        raise StopConsumer


class Below(Raw):
    """Its method is that of its base class, which is the user's as well."""


class Override(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def websocket_disconnect(self, message: Any) -> None:
        pass


class OverrideStopped(Override):
    async def websocket_disconnect(self, message: Any) -> None:
        await AsyncWebsocketConsumer.websocket_disconnect(self, message)


class Hook(AsyncWebsocketConsumer):  # type: ignore[misc]
    async def disconnect(self, code: int) -> None:
        pass


class Sync(SyncConsumer):  # type: ignore[misc]
    def websocket_connect(self, event: Any) -> None:
        self.send({"type": "websocket.accept"})

    def websocket_disconnect(self, event: Any) -> None:
        pass


class SyncHook(WebsocketConsumer):  # type: ignore[misc]
    def disconnect(self, code: int) -> None:
        pass


def causes(consumer: Any, kind: str) -> list[tuple[str, str, str]]:
    app = ProtocolTypeRouter({"websocket": consumer.as_asgi()})
    return [
        (item.code, item.fault, item.place.function if item.place else "")
        for item in (cause.occurrence for cause in diagnose(run(app, kind, server=SANSIO)).causes)
    ]


@pytest.mark.parametrize("kind, code", [("close", "WSD402"), ("shutdown", "WSD403")])
@pytest.mark.parametrize(
    "consumer, method",
    [
        (Raw, "Raw.websocket_disconnect"),
        (Below, "Raw.websocket_disconnect"),
        (Override, "Override.websocket_disconnect"),
        (Sync, "Sync.websocket_disconnect"),
    ],
)
def test_a_consumer_that_does_not_end_itself_hangs_at_its_method(consumer, method, kind, code):
    assert causes(consumer, kind) == [(code, "app", method)]


@pytest.mark.parametrize("kind", ["close", "shutdown"])
@pytest.mark.parametrize("consumer", [RawStopped, OverrideStopped, Hook, SyncHook])
def test_one_that_does_is_clean(consumer, kind):
    assert causes(consumer, kind) == []
