from tests.zoo.pair import Pair

ROWS = (Pair("feed", "WSD207"),)
