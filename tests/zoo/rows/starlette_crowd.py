from tests.zoo.pair import BESIDE, STALLED, Pair

ROWS = (
    Pair("headlines", "WSD405", kinds=STALLED),
    Pair("quotes", "WSD405", kinds=BESIDE),
    Pair("scores", "WSD405", kinds=BESIDE),
    Pair("ticker", "WSD405", kinds=BESIDE),
)
