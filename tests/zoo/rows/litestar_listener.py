from tests.zoo.pair import Pair

ROWS = (
    Pair("stream-task", "WSD201"),
    Pair("slow-task", "WSD401"),
    Pair("group-lifespan", "WSD202"),
    Pair("resource", "WSD201"),
    Pair("farewell-hook", "WSD201", told=frozenset({"WSD802"})),
    Pair("ping-hook", "WSD301"),
    Pair("leave-hook", "WSD203"),
)
