from tests.zoo.pair import STAYS, Pair

ROWS = (
    Pair("detail", "WSD107", kinds=STAYS),
    Pair("setting", "WSD107", kinds=STAYS),
)
