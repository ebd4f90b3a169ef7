from tests.zoo.pair import Pair

ROWS = (
    Pair("publisher", "WSD305", between=True),
    Pair("reconnect", "WSD301", told=frozenset({"WSD301"})),
)
