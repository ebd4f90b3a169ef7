from tests.zoo.pair import AND_LEAVES, BACK, Pair

ROWS = (
    Pair("inbox", "WSD406", kinds=BACK),
    Pair("closing", "WSD406", kinds=BACK),
    Pair("guest", "WSD406", kinds=BACK),
    Pair("seat", "WSD203", kinds=AND_LEAVES),
)
