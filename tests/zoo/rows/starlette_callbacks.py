from tests.zoo.pair import Pair

ROWS = (Pair("report", "WSD207"),)
