from tests.zoo.pair import Pair

ROWS = (
    Pair("group", "WSD202", says="hi"),
    Pair("queue", "WSD402", says="hi"),
    Pair("join", "WSD402", says="hi"),
    # The task that reads could not know. Starlette refuses its read all the same: the framework's fault.
    Pair("left", "WSD104", says="hi", told=frozenset({"WSD104"})),
    Pair("told", "WSD102"),
)
