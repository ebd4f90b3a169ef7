from tests.zoo.pair import Pair

ROWS = (Pair("strict", "WSD407", says="hello"),)
