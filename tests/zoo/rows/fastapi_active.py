from tests.zoo.pair import BESIDE, Pair

ROWS = (Pair("hall", "WSD405", kinds=BESIDE),)
