from tests.zoo.pair import Pair

ROWS = (Pair("recorder", "WSD206"), Pair("watching", "WSD305"))
