"""The forms of a handler for which there is a smallest correct application."""

from __future__ import annotations

FORMS: dict[str, str] = {
    "asgi": "plain ASGI application",
    "starlette": "Starlette handler",
    "starlette-endpoint": "Starlette endpoint class",
    "fastapi": "FastAPI handler",
    "litestar": "Litestar handler",
    "litestar-listener": "Litestar listener",
    "litestar-listener-class": "Litestar listener class",
    "litestar-stream": "Litestar websocket_stream",
}
"""By name, in words for people."""


def module_of(form: str) -> str:
    """The name of the module that has the smallest correct application of ``form``."""
    return f"wsdoctor.reference_apps.apps.{form.replace('-', '_')}"
