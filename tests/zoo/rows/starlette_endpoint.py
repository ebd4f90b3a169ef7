from tests.zoo.pair import BESIDE, Pair

ROWS = (
    Pair("close-in-hook", "WSD101"),
    Pair("heartbeat-hook", "WSD301"),
    Pair("registry-hook", "WSD203"),
    Pair("worker-hook", "WSD402", says="hello"),
    Pair("slot-hook", "WSD405", kinds=BESIDE),
)
