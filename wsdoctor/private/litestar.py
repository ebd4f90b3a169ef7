"""What Litestar has no public name for.

``tests/private/test_litestar.py`` fails on a Litestar that changed one of these names.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path


def autodiscovery_paths(folder: Path) -> list[Path] | None:
    """The modules in ``folder`` in which Litestar's commands look for an application.

    None if this version of Litestar does not tell.
    """
    try:
        utils: Any = importlib.import_module("litestar.cli._utils")
        return list(utils._autodiscovery_paths(folder))  # noqa: SLF001 - no public way to ask
    except (ImportError, AttributeError, TypeError):
        return None
