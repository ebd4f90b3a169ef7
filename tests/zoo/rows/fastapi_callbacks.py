from tests.zoo.pair import Pair

ROWS = (Pair("balance", "WSD207"),)
