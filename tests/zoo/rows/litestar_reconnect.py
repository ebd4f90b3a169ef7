from tests.zoo.pair import BACK, Pair

ROWS = (
    Pair("services", "WSD406", kinds=BACK, source="https://github.com/amun-ai/hypha/pull/880"),
    Pair("guest", "WSD406", kinds=BACK),
    Pair("seat", "WSD406", kinds=BACK),
)
