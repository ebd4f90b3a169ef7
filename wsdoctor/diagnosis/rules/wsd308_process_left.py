"""WSD308 process-left: a child process that the connection started is still running."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import none_left_open
from wsdoctor.diagnosis.exceptions import ids
from wsdoctor.diagnosis.location import where
from wsdoctor.diagnosis.resources import left_by_all
from wsdoctor.diagnosis.rule import Occurrence, Rule, by_a_package_there
from wsdoctor.diagnosis.rules._remedies import remedy


def detect(connection: Connection) -> Iterator[Occurrence]:
    for left in left_by_all(connection):
        if left.first.kind == "process" and left.lasted is None:
            yield Occurrence(
                code=RULE.code,
                message=f"the child process that the connection started at {where(left.place)} is still running after "
                "the handler has returned",
                place=left.place,
                severity="error",
                mark="masked",
                index=connection.events.index(left.event),
                evidence=(
                    f"{left.clients} clients came and went, and each of them left one behind",
                    "it was given real time to end by itself",
                ),
                blamed_on=frozenset().union(*(ids(item.error) for item in connection.escapes)),
                task=left.task,
            )


RULE = Rule(
    code="WSD308",
    name="process-left",
    summary="a child process that the connection started is still running after the handler returned",
    severity="error",
    effect="lost",
    happens="a child process is left behind",
    why=(
        "A child process does not end with the connection that started it. Every client that comes and goes leaves one "
        "behind, with its memory, its open files and the pipes to the server, until the machine has no "
        "process, no descriptor or no memory left. It survives a restart of the server, too."
    ),
    silence=(
        "If it is meant to finish its work after the client has left, ends by itself later than a second "
        "after that, and clients are few."
    ),
    remedies={
        "": remedy(
            "End the child where you started it, whichever way the handler ends, and wait for it:",
            """
            child = subprocess.Popen(...)
            try:
                ...
            finally:
                child.kill()
                child.wait()
            """,
            "For a child of `asyncio.create_subprocess_exec` it is `await child.wait()`. Without that it stays in "
            "the table of processes as a zombie. If it has to tidy up, call `terminate()` first, and `kill()` it "
            "when it takes too long.",
        ),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/asyncio-subprocess.html",),
    rank=340,
    explains={"WSD301": by_a_package_there},
    not_tidied=True,
    lateness="neither",
    checks={
        "": none_left_open("children", "each client leaves one more process"),
    },
)
