from tests.zoo.pair import Pair

ROWS = (Pair("frames", "WSD407"),)
