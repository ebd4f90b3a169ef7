"""Which versions a report was made with."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("litestar", "starlette", "fastapi", "uvicorn", "websockets", "wsproto", "anyio")


def environment() -> dict[str, str]:
    """Versions of Python, the platform and the packages that are installed; imports none of them."""
    found = {"python": platform.python_version(), "platform": platform.platform(terse=True)}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
