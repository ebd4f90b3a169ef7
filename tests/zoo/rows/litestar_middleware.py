from tests.zoo.pair import Pair

ROWS = (Pair("echo", "WSD201"),)
