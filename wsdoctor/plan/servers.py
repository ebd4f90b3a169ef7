"""The server implementations that wsdoctor can put under test, a record for each."""

from __future__ import annotations

from dataclasses import dataclass

from wsdoctor.plan.errors import unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server implementation.

    ``name`` is ``PROGRAM:IMPLEMENTATION``. ``summary`` completes "the server is …". ``protocol`` is the asyncio protocol
    class, as ``module:class``; ``requires`` is the package that it needs besides the program. ``close_wait`` is how long,
    in seconds, the server waits for a client that does not answer its close frame, whatever the application does.
    """

    name: str
    summary: str
    protocol: str
    requires: str
    close_wait: float = 0.0

    @property
    def short_name(self) -> str:
        """The name of the implementation alone: ``wsproto``."""
        return self.name.partition(":")[2]


_PROTOCOLS = "uvicorn.protocols.websockets"

SERVERS: dict[str, Server] = {
    server.name: server
    for server in (
        Server(
            name="uvicorn:websockets-sansio",
            summary="uvicorn on websockets' sans-I/O protocol (the default since uvicorn 0.50)",
            protocol=f"{_PROTOCOLS}.websockets_sansio_impl:WebSocketsSansIOProtocol",
            requires="websockets",
        ),
        Server(
            name="uvicorn:websockets",
            summary="uvicorn on websockets' legacy protocol (the default until uvicorn 0.49)",
            protocol=f"{_PROTOCOLS}.websockets_impl:WebSocketProtocol",
            requires="websockets",
            close_wait=10.0,  # it keeps to the `close_timeout` of the websockets library
        ),
        Server(
            name="uvicorn:wsproto",
            summary="uvicorn on wsproto",
            protocol=f"{_PROTOCOLS}.wsproto_impl:WSProtocol",
            requires="wsproto",
        ),
    )
}
"""By name, the default of its program first."""


def short_name(server: str) -> str:
    """The name of a server without its program: ``uvicorn:wsproto`` is ``wsproto``."""
    known = SERVERS.get(server)
    return server if known is None else known.short_name


def close_wait(server: str) -> float:
    """The seconds that a server waits for an answer to its close frame; 0 for one that is not known."""
    known = SERVERS.get(server)
    return 0.0 if known is None else known.close_wait


def parse_server(text: str) -> str:
    """The full name of a server: ``wsproto`` is ``uvicorn:wsproto``.

    Raises PlanError for a server that does not exist.
    """
    name = text.strip()
    full = next((one.name for one in SERVERS.values() if one.short_name == name), name)
    if full not in SERVERS:
        raise unknown("server", name, SERVERS)
    return full
