"""Which share of the dearest tests is run: the day chooses, or ZOO=0 to 17 does; ZOO=all takes all.

A share is a sixth. Every six days the runs together have met all, and every eighteen days all on each of
the three servers.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TypeVar

NAME = "ZOO"

_SHARES = 6
_DAYS = 3 * _SHARES

Item = TypeVar("Item")


def chosen() -> str:
    """What the environment says: the number of a day, ``all``, or ``whole`` (see ``tests/zoo/pair.py``)."""
    return os.environ.get(NAME, "all")


def choose() -> None:
    """Let the day choose. The workers of one run agree: they inherit it."""
    os.environ.setdefault(NAME, str(datetime.now(UTC).toordinal() % _DAYS))


def is_chosen(name: object) -> bool:
    """Whether what is called ``name`` is in the chosen share, which chance has put together."""
    return _are_all() or zlib.crc32(str(name).encode()) % _SHARES == _day() % _SHARES


def of(items: Iterable[Item]) -> list[Item]:
    """The chosen share of ``items``; of few, one."""
    known = list(items)
    apart = min(_SHARES, len(known))
    return [
        item for number, item in enumerate(known) if _are_all() or number % apart == _day() % apart
    ]


def one_of(items: Sequence[Item], name: object) -> Sequence[Item]:
    """One of ``items`` for what is called ``name``; all if all are chosen.

    It is another one each day, and another one than six days before, when ``name`` was chosen last.
    """
    if _are_all():
        return items
    turn = _day() + _day() // _SHARES
    return [items[(zlib.crc32(str(name).encode()) + turn) % len(items)]]


def _day() -> int:
    return int(chosen())


def _are_all() -> bool:
    return chosen() in {"all", "whole"}
