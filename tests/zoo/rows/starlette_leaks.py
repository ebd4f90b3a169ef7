from tests.zoo.pair import Pair

ROWS = (
    Pair("moves", "WSD303"),
    Pair("pages", "WSD304", says="Dune"),
    Pair("reader", "WSD304"),
)
