"""Which parts of a request a framework's validation error complains of."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

_PARTS = frozenset({"query", "header", "cookie", "path"})


def refused_parts(error: BaseException) -> tuple[str, ...]:
    """The parts as ``query limit`` or ``header x-token``; empty if ``error`` names none.

    FastAPI's and pydantic's errors have ``errors()``, with a ``loc`` each; Litestar's have ``extra``,
    with a ``key`` and a ``source`` each. An error of the user's may raise there.
    """
    if not any("Validation" in base.__name__ for base in type(error).__mro__):
        return ()
    with contextlib.suppress(Exception):
        return tuple(dict.fromkeys(_named(error)))
    return ()


def _named(error: BaseException) -> Iterator[str]:
    items: Any = getattr(error, "extra", None)
    if items is None and callable(errors := getattr(error, "errors", None)):
        items = errors()
    for item in items if isinstance(items, list | tuple) else ():
        if not isinstance(item, Mapping):
            continue
        where = item.get("loc") or (item.get("source"), item.get("key"))
        part, name = (getattr(word, "value", word) for word in where[:2])
        if part in _PARTS and isinstance(name, str):
            yield f"{part} {name}"
