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
from channels.routing import ProtocolTypeRouter, URLRouter  # type: ignore[import-untyped]
from django.conf import settings  # type: ignore[import-untyped]
from django.urls import path  # type: ignore[import-untyped]

from tests.session.cells import SANSIO, run
from wsdoctor.diagnosis.diagnose import diagnose
from wsdoctor.diagnosis.rule import Occurrence

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


def routed(name: str, consumer: Any = RawStopped) -> list[Occurrence]:
    router = URLRouter([path(name, consumer.as_asgi())])
    diagnosed = diagnose(run(ProtocolTypeRouter({"websocket": router}), server=SANSIO))
    return [cause.occurrence for cause in diagnosed.causes]


@pytest.mark.parametrize("name", ["chat/", "ws/"])
def test_a_path_that_the_router_does_not_have_is_no_defect_of_the_package(name):
    (item,) = routed(name)
    assert (item.code, item.severity, item.setting) == ("WSD002", "info", "unrouted")
    assert "no route for the path `/ws`. Name one that it has with --path" in item.message


def test_one_that_it_has_is_checked():
    assert routed("ws") == []


class FailsToConnect(Raw):
    async def websocket_connect(self, event: Any) -> None:
        raise ValueError("No route found for path ''.")


def test_an_error_of_the_consumers_own_is_its_own():
    assert [(item.code, item.fault) for item in routed("ws", FailsToConnect)][:1] == [
        ("WSD106", "app")
    ]
