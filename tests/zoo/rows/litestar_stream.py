from tests.zoo.pair import STAYS, Pair, refusing

ROWS = (
    Pair("stream", "WSD204", told=frozenset({"WSD202"})),
    Pair("send-stream", "WSD204", told=frozenset({"WSD202"})),
    Pair("short-stream", "WSD103", kinds=STAYS, told=frozenset({"WSD103", "WSD202"})),
    Pair("backlog", "WSD601", says="hello"),
    Pair("subscription", "WSD601", says="sports", told=frozenset({"WSD202"})),
    Pair("announced", "WSD601", says="hello"),
    Pair("session", "WSD201"),
    Pair("feed", "WSD401"),
    refusing("guard", "WSD103"),
)
