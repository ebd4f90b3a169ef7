from tests.zoo.pair import Pair

ROWS = (
    # what is taken in one place, and given back in another
    Pair("studio", "WSD307"),
    Pair("printer", "WSD307", told=frozenset({"WSD301"})),
    Pair("rooms", "WSD307", says="hello"),
)
