"""The packages that are checked, how a user checks each, and what comes of it.

``docs/downstream.md`` explains every finding. ``Found`` is what a finding must be like; ``who`` is the
user's file and line, or the package at fault. ``maybe`` are those that depend on chance: the order of a
set of tasks is that of their addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Found(NamedTuple):
    code: str
    fault: str
    who: str


@dataclass(frozen=True)
class Package:
    """``app`` is a file in ``apps/`` with an ``app``; ``driver`` a function in it; ``options`` what else is given."""

    name: str
    app: str
    driver: str = ""
    options: tuple[str, ...] = ()
    exit_code: int = 0
    found: frozenset[Found] = frozenset()
    maybe: frozenset[Found] = frozenset()

    @property
    def arguments(self) -> tuple[str, ...]:
        """What reaches the handler: for ``check``, and for ``replay``."""
        driver = ("--driver", f"{self.app}:{self.driver}") if self.driver else ()
        return (f"{self.app}:app", *driver, *self.reach)

    @property
    def reach(self) -> tuple[str, ...]:
        """Those of ``options`` that ``replay`` takes, too."""
        pairs = zip(self.options[::2], self.options[1::2], strict=True)
        return tuple(
            word for name, value in pairs if name.startswith("--send") for word in (name, value)
        )


@dataclass(frozen=True)
class Bug:
    """A case that shows a real bug: its emitted test fails, on stock asyncio, uvicorn and websockets."""

    package: str
    case: str
    code: str
