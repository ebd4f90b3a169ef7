from tests.zoo.pair import STAYS, Pair

ROWS = (
    Pair("relay", "WSD107", kinds=STAYS),
    Pair("status", "WSD107", kinds=STAYS),
)
