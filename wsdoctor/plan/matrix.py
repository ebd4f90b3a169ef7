"""The matrix of cases for one route."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from wsdoctor.plan.moments import HANDSHAKE
from wsdoctor.recording.case import Case, Handshake, Step


def cases(
    *,
    route: str,
    handshake: Handshake,
    servers: Iterable[str],
    kinds: Iterable[str],
    moments: Iterable[str],
    script: tuple[Step, ...] = (),
    driver: str = "",
) -> Iterator[Case]:
    """Every case of one route, server by server; ``before-accept`` has one moment of its own."""
    kinds, moments = tuple(kinds), tuple(moments)
    for server in servers:
        for kind in kinds:
            for moment in (HANDSHAKE,) if kind == "before-accept" else moments:
                yield Case(
                    route=route,
                    server=server,
                    kind=kind,
                    moment=moment,
                    handshake=handshake,
                    script=script,
                    driver=driver,
                )
