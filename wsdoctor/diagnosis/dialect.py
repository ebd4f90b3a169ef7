"""In whose words a remedy is written: those of the framework that the user's own code speaks to.

wsdoctor knows the routes of three frameworks. An application of another one, or of none, reads its
messages in another way: Quart cancels the handler, a consumer of Channels has a method for each event, and
an ASGI callable gets the message ``websocket.disconnect``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache

from wsdoctor.diagnosis.syntax import parse
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Recording

DIALECTS = {
    "litestar": "Litestar",
    "starlette": "Starlette",
    "fastapi": "FastAPI",
    "quart": "Quart",
    "channels": "Channels",
    "asgi": "the framework",
}
"""Frameworks whose terms a remedy may use, with their names."""

_SERVE_WEBSOCKETS_ONLY = frozenset({"quart", "channels"})
"""Frameworks that an import of anything says enough of: the others also lend types, status codes and HTTP."""


def dialect_of(recording: Recording, place: StackFrame | None) -> str:
    """The framework whose terms describe a finding at ``place``.

    It is the framework of the application. If wsdoctor does not know the routes of that one, it is the
    framework that the file of ``place``, or of the handler, imports to serve WebSockets; ``asgi`` if
    neither imports any.
    """
    if recording.framework != "asgi":
        return recording.framework
    for frame in (place, recording.handler):
        if frame is None:
            continue
        if found := _imported(recording.sources.get(frame.file, "")):
            return found
    return "asgi"


@lru_cache(maxsize=512)
def _imported(source: str) -> str:
    tree = parse(source)
    return next(_frameworks(tree), "") if tree else ""


def _frameworks(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            package = name.partition(".")[0]
            if package in _SERVE_WEBSOCKETS_ONLY or (
                package in DIALECTS and "websocket" in name.lower()
            ):
                yield package
