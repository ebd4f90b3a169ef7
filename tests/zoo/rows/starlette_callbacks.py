from tests.zoo.pair import Pair

ROWS = (Pair("report", "WSD207", told=frozenset({"WSD104"})),)
