from tests.zoo.pair import Pair

ROWS = (
    Pair("room", "WSD206", told=frozenset({"WSD104"})),
    Pair("table", "WSD305", kinds=("abort",), says="tea"),
)
