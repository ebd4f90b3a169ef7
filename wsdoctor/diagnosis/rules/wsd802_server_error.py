"""WSD802 server-error: the server itself failed."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import name
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import remedy
from wsdoctor.recording.events import ServerPhase


def detect(connection: Connection) -> Iterator[Occurrence]:
    for index, event in enumerate(connection.events):
        if (
            isinstance(event, ServerPhase)
            and event.phase == "failed"
            and event.exception is not None
        ):
            yield Occurrence(
                code=RULE.code,
                message=f"the server's own serve() raised {name(event.exception)}",
                place=None,
                severity="info",
                mark="logged",
                index=index,
                fault="server",
                evidence=tuple(
                    f"{frame.function} in {frame.file.rpartition('/')[2]}:{frame.line}"
                    for frame in event.exception.stack[-3:]
                ),
            )


RULE = Rule(
    code="WSD802",
    name="server-error",
    summary="the server itself failed: its `serve()` raised",
    why=(
        "A server that raises while it stops leaves connections open and lifespans unfinished. It "
        "is no fault of your code."
    ),
    silence="It says nothing about your code; `--ws` chooses the servers to be checked.",
    remedies={
        "": remedy(
            "Report it to the server's maintainers. Until it is corrected, try another "
            "implementation: `uvicorn --ws websockets-sansio`, `wsproto` or `websockets`."
        ),
    },
    detect=detect,
)
