from tests.zoo.pair import Pair

ROWS = (Pair("seat", "WSD207"),)
