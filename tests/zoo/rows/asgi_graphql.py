from tests.zoo.pair import STAYS, Pair
from wsdoctor.recording.case import SendStep

SUBSCRIBES = (
    SendStep(text='{"type": "connection_init"}'),
    SendStep(text='{"type": "subscribe", "id": 1}'),
)
SPEAKS = ("graphql-transport-ws",)
NONSENSE = '{"type": "ping"}'

ROWS = (
    Pair(
        "forget",
        "WSD301",
        script=SUBSCRIBES,
        subprotocols=SPEAKS,
        source="https://github.com/strawberry-graphql/strawberry/issues/881",
    ),
    Pair(
        "await",
        "WSD501",
        script=SUBSCRIBES,
        subprotocols=SPEAKS,
        source="https://github.com/strawberry-graphql/strawberry/issues/889",
    ),
    Pair(
        "source",
        "WSD304",
        script=SUBSCRIBES,
        subprotocols=SPEAKS,
        source="https://github.com/strawberry-graphql/strawberry/pull/897",
    ),
    Pair(
        "early",
        "WSD103",
        kinds=STAYS,
        says=NONSENSE,
        subprotocols=SPEAKS,
        source="https://github.com/mirumee/ariadne/issues/752",
    ),
    Pair(
        "patience",
        "WSD301",
        says=NONSENSE,
        subprotocols=SPEAKS,
        told=frozenset({"WSD801"}),  # a ping of websockets' legacy server comes later
        source="https://github.com/mirumee/ariadne/pull/972",
    ),
    Pair(
        "drain",
        "WSD402",
        script=SUBSCRIBES,
        subprotocols=SPEAKS,
        source="https://github.com/strawberry-graphql/strawberry/pull/2717",
    ),
    Pair(
        "deaf",
        "WSD502",
        script=SUBSCRIBES,
        subprotocols=SPEAKS,
        source="https://github.com/strawberry-graphql/strawberry/pull/2717",
    ),
)
