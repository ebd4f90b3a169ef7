from tests.zoo.pair import STAYS, Pair

ROWS = (
    Pair("table", "WSD205", kinds=STAYS),
    Pair("poll", "WSD502"),
)
