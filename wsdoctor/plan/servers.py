"""The server implementations that wsdoctor can put under test."""

from __future__ import annotations

from wsdoctor.plan.errors import unknown

SERVERS: dict[str, str] = {
    "uvicorn:websockets-sansio": "uvicorn on websockets' sans-I/O protocol (the default since uvicorn 0.50)",
    "uvicorn:websockets": "uvicorn on websockets' legacy protocol (the default until uvicorn 0.49)",
    "uvicorn:wsproto": "uvicorn on wsproto",
}


def parse_server(text: str) -> str:
    """The full name of a server: ``wsproto`` is ``uvicorn:wsproto``.

    Raises PlanError for a server that does not exist.
    """
    name = text.strip()
    full = name if ":" in name else f"uvicorn:{name}"
    if full not in SERVERS:
        raise unknown("server", name, SERVERS)
    return full
