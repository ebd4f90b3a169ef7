from tests.zoo.pair import STAYS, Pair

ROWS = (
    Pair("abnormal", "WSD107", kinds=STAYS),
    Pair("umlaut", "WSD107", kinds=STAYS),
    Pair("nothing", "WSD107", kinds=STAYS, servers=("websockets",)),
)
