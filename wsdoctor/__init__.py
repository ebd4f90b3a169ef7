"""wsdoctor: what does an ASGI WebSocket handler do when its connection ends?

    import wsdoctor

    report = wsdoctor.check("app.py:app", paths=["/ws"])
    assert report.verdict == "healthy", report.findings

Importing the package is cheap: the names below are loaded when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsdoctor.api import check, run_variant
    from wsdoctor.diagnosis.finding import Finding
    from wsdoctor.report.model import Report
    from wsdoctor.session.driver import WebSocket
    from wsdoctor.session.http import Http

__all__ = ["Finding", "Http", "Report", "WebSocket", "__version__", "check", "run_variant"]

__version__ = "0.1.0"

_HOMES = {
    "check": "wsdoctor.api",
    "run_variant": "wsdoctor.api",
    "Finding": "wsdoctor.diagnosis.finding",
    "Http": "wsdoctor.session.http",
    "Report": "wsdoctor.report.model",
    "WebSocket": "wsdoctor.session.driver",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
