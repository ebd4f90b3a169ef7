"""WSD309 resource-left: what the connection opened outside, or took from a pool, stays open or out."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import none_left_open
from wsdoctor.diagnosis.exceptions import ids
from wsdoctor.diagnosis.location import where
from wsdoctor.diagnosis.resources import Left, left_by_all
from wsdoctor.diagnosis.rule import Occurrence, Rule, by_a_package_there, seconds
from wsdoctor.diagnosis.rules._remedies import remedy, worded
from wsdoctor.recording.case import SCARCE


def detect(connection: Connection) -> Iterator[Occurrence]:
    for left in left_by_all(connection):
        if left.first.kind != "process":
            yield _occurrence(connection, left)


def _occurrence(connection: Connection, left: Left) -> Occurrence:
    first, taken = left.first, left.first.kind == "taken"
    scarce = connection.recording.case.situation == SCARCE
    evidence = []
    if left.clients > 1:
        evidence.append(
            f"{left.clients} clients came and went, and "
            + ("none of them gave one back" if taken else "each of them left one open")
        )
    if left.starved is not None:
        evidence.append(f"the next client asked for one at {where(left.starved)}, and got none")
        if scarce:
            evidence.append("the pool was made to lend one more, and no other until that came back")
    others = dict.fromkeys(item.what for item in left.resources if item.kind != first.kind)
    evidence.extend(f"a {what} stays open with it" for what in others)
    if left.lasted is not None:
        evidence.append(f"it was closed {seconds(left.lasted)} later, by no line of yours")
    done, state = ("taken", "not given back") if taken else ("opened", "still open")
    return Occurrence(
        code=RULE.code,
        message=f"the {first.what}, {done} at {where(left.place)}, is {state} after the handler has returned",
        place=left.place,
        # The number of resources that end by themselves depends on how fast clients come, and not on how many.
        # With a scarce pool, wsdoctor does not know that every client takes a connection.
        severity="error" if left.lasted is None and not scarce else "warning",
        mark="masked",
        index=connection.events.index(left.event),
        evidence=tuple(evidence),
        blamed_on=frozenset().union(*(ids(item.error) for item in connection.escapes)),
        task=left.task,
        setting="pool" if taken else "",
    )


_POOLS = (
    "It is `pool.connection()` for psycopg, `engine.connect()` or a session for SQLAlchemy, "
    "`client.pubsub()` for redis"
)

RULE = Rule(
    code="WSD309",
    name="resource-left",
    summary="a socket, a file or a pooled connection that the connection opened or took stays open or out",
    severity="error; warning if it is closed by itself within two minutes",
    effect="lost",
    happens="something is left open",
    why=(
        "Every client that comes and goes leaves one open. A pool is empty after as many clients as it has "
        "connections: all that come then wait for one, and so does every other request that needs the "
        'database. Sockets and files end with "Too many open files", and the server at the other end '
        "runs out first."
    ),
    silence=(
        "If it is closed by something else, later than two minutes after the client has left. What the next "
        "client uses again is not reported."
    ),
    remedies={
        "": remedy(
            "Close it where you opened it, however the handler ends. Most libraries do that in an "
            "`async with`. If there is no context manager, close it in a `finally`:",
            """
            descriptor, path = tempfile.mkstemp()
            try:
                ...
            finally:
                os.close(descriptor)
            """,
        ),
        **worded(
            "pool",
            "Give it back where you took it, whichever way the handler ends. An `async with` does, and is over "
            "soonest if it holds no longer than a query:",
            """
            async with pool.acquire() as connection:
                ...
            """,
            {
                "": f"{_POOLS}, and `client.stream()` for httpx.",
                "litestar": f"{_POOLS}, `client.stream()` for httpx, and `channels.start_subscription()` for "
                "the Channels plugin of Litestar.",
            },
        ),
    },
    detect=detect,
    links=(
        "https://magicstack.github.io/asyncpg/current/usage.html#connection-pools",
        "https://docs.sqlalchemy.org/en/20/core/pooling.html",
    ),
    in_scarcity=True,
    rank=350,
    explains={"WSD301": by_a_package_there},
    not_tidied=True,
    lateness="neither",
    checks={
        "": none_left_open("descriptors", "each client leaves more open"),
        "lent": none_left_open("lent escapes", "each client takes one, and gives none back"),
    },
)
