"""Which third of the dearest tests is run: the day chooses, or ZOO=0, 1 or 2 does; ZOO=all takes all."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

NAME = "ZOO"

Item = TypeVar("Item")


def chosen() -> str:
    """What the environment says: a third, ``all``, or ``whole`` (see ``tests/zoo/pair.py``)."""
    return os.environ.get(NAME, "all")


def choose() -> None:
    """Let the day choose. The workers of one run agree: they inherit it."""
    os.environ.setdefault(NAME, str(datetime.now(UTC).toordinal() % 3))


def is_chosen(name: object) -> bool:
    """Whether what is called ``name`` is in the chosen third, which chance has put together."""
    return _has(zlib.crc32(str(name).encode()))


def of(items: Iterable[Item]) -> list[Item]:
    """Every third of ``items``, so that it is a third of few, too."""
    return [item for number, item in enumerate(items) if _has(number)]


def one_of(items: Sequence[Item], name: object) -> Sequence[Item]:
    """One of three ``items``, each day another one, for what is called ``name``; all if all are chosen."""
    if chosen() in {"all", "whole"}:
        return items
    return [items[(zlib.crc32(str(name).encode()) + int(chosen())) % len(items)]]


def _has(number: int) -> bool:
    return chosen() in {"all", "whole"} or number % 3 == int(chosen())
