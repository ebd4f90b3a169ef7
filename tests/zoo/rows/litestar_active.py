from tests.zoo.pair import BESIDE, Pair

ROWS = (Pair("mail", "WSD405", kinds=BESIDE),)
