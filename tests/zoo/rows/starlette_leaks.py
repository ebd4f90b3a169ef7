from tests.zoo.pair import Pair

ROWS = (
    Pair("moves", "WSD303", told=frozenset({"WSD202"})),
    Pair("pages", "WSD304", says="Dune"),
    Pair("reader", "WSD304"),
    Pair("idle", "WSD305"),
)
