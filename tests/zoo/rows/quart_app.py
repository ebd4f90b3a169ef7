from tests.zoo.pair import Pair, refusing

ROWS = (
    Pair("heartbeat", "WSD301", source="https://github.com/Kludex/starlette/issues/759"),
    Pair("halves", "WSD301", source="https://github.com/fastapi/fastapi/issues/1130"),
    Pair(
        "goodbye",
        "WSD101",
        told=frozenset({"WSD802"}),  # websockets' legacy send() before the handshake is over
        source="https://github.com/django/daphne/issues/227",
    ),
    Pair("stubborn", "WSD502", source="https://github.com/python-websockets/websockets/issues/264"),
    Pair("minutes", "WSD401", source="https://github.com/django/channels/issues/1119"),
    Pair(
        "quiz",
        "WSD304",
        told=frozenset({"WSD802"}),  # as above
        source="https://github.com/strawberry-graphql/strawberry/issues/889",
    ),
    refusing("stranger", "WSD103", source="https://github.com/django/channels/issues/1390"),
)
