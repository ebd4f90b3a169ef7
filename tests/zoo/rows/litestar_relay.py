from tests.zoo.pair import Pair

ROWS = (
    Pair("expected", "WSD201", says="hi"),
    Pair("flag", "WSD401"),
    Pair("readers", "WSD105", says="hi"),
    Pair("stubborn", "WSD502"),
)
