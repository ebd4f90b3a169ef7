from tests.zoo.pair import BESIDE, STALLED, Pair

ROWS = (
    Pair("beat", "WSD405", kinds=STALLED),
    Pair("relay", "WSD405", kinds=BESIDE),
)
