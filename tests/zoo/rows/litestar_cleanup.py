from tests.zoo.pair import Pair

ROWS = (
    Pair("watchers", "WSD206", told=frozenset({"WSD202", "WSD205"})),
    Pair("online", "WSD305", says="hello"),
)
