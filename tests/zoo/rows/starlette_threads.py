from tests.zoo.pair import Pair

ROWS = (
    # the threads that it leaves behind
    Pair("poller", "WSD306"),
    Pair("inbox", "WSD306"),
    Pair("loop", "WSD306"),
)
