from tests.zoo.pair import Pair

ROWS = (Pair("windows", "WSD407"),)
