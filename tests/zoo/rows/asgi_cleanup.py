from tests.zoo.pair import Pair

ROWS = (Pair("film", "WSD206"), Pair("desk", "WSD305", says="where"))
