from tests.zoo.pair import Pair

ROWS = (Pair("room", "WSD206"), Pair("table", "WSD305", kinds=("abort",), says="tea"))
