from tests.zoo.pair import Pair

ROWS = (Pair("console", "WSD407", says="ls"),)
