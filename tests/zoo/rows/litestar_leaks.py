from tests.zoo.pair import Pair

ROWS = (
    Pair("inbox", "WSD303"),
    Pair("refresh", "WSD502"),
    Pair("desk", "WSD205", kinds=("burst",)),
    Pair("quotes", "WSD304"),
    Pair("rates", "WSD304", told=frozenset({"WSD202"})),
)
