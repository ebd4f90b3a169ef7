from tests.zoo.pair import Pair

ROWS = (
    Pair("room", "WSD201", says="hello"),
    Pair("channel", "WSD204"),
)
