from tests.zoo.pair import STALLED, Pair

ROWS = (
    Pair("lounge", "WSD405", kinds=STALLED),
    Pair("wall", "WSD405", kinds=STALLED),
)
