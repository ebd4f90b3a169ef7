from tests.zoo.pair import Pair

ROWS = (
    Pair("publisher", "WSD102"),
    Pair("reconnect", "WSD301", told=frozenset({"WSD301"})),
)
