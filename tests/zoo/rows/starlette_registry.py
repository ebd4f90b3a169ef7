from tests.zoo.pair import Pair

ROWS = (
    # what a connection leaves in a container
    Pair("lobby", "WSD305"),
    Pair("manager", "WSD305"),
    Pair("rooms", "WSD305", says="jazz"),
    Pair("callbacks", "WSD305"),
    Pair("state", "WSD305"),
)
