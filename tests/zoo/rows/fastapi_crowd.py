from tests.zoo.pair import BESIDE, STALLED, Pair

ROWS = (
    Pair("chat", "WSD405", kinds=BESIDE, says="hello"),
    Pair("feed", "WSD405", kinds=STALLED),
    Pair("alerts", "WSD405", kinds=STALLED),
)
