"""Paths as the user spells them: absolute or short, but with their symbolic links kept."""

from __future__ import annotations

import os
from pathlib import Path


def absolute(path: str | Path) -> Path:
    """``path`` from the root, without "..", its links as they are spelled."""
    # Not Path.resolve(): where a link leads is not where the user imports from.
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() follows links


def short(path: str | Path) -> str:
    """``path`` relative to the working directory when it lies below it."""
    try:
        return str(absolute(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
