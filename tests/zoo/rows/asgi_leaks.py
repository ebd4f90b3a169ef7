from tests.zoo.pair import Pair

ROWS = (
    Pair("latch", "WSD303"),
    Pair("job", "WSD502"),
    Pair("seat", "WSD205", kinds=("burst",)),
    Pair("lease", "WSD304"),
)
