"""``wsdoctor env``: what a bug report needs."""

from __future__ import annotations


def env() -> None:
    """Print the versions that matter, and which implementation uvicorn's "auto" means here."""
    from wsdoctor import __version__
    from wsdoctor.report.environment import PACKAGES, environment

    versions = environment()
    rows = {"wsdoctor": __version__, "python": versions["python"], "platform": versions["platform"]}
    rows |= {package: versions.get(package, "not installed") for package in PACKAGES}
    rows["uvicorn --ws auto"] = _auto()
    width = max(map(len, rows))
    for name, value in rows.items():
        print(f"{name:<{width}}  {value}")


def _auto() -> str:
    """The server that uvicorn chooses by itself, by wsdoctor's name for it."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # up to uvicorn 0.49 it is the deprecated one
        try:
            from uvicorn.config import WS_PROTOCOLS
            from uvicorn.protocols.websockets.auto import AutoWebSocketsProtocol
        except ImportError as error:
            return f"unknown ({error})"
    if AutoWebSocketsProtocol is None:
        return "none"
    home = getattr(AutoWebSocketsProtocol, "__module__", "")
    names = (name for name, path in WS_PROTOCOLS.items() if path and path.startswith(f"{home}:"))
    return f"uvicorn:{next(names, home)}"
