from tests.zoo.pair import STAYS, Pair

ROWS = (
    Pair("order", "WSD107", kinds=STAYS, says='{"item": 7}'),
    Pair("quota", "WSD107", kinds=STAYS),
)
