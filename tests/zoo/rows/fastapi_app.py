from tests.zoo.pair import Pair, refusing

ROWS = (
    Pair("dependency", "WSD102"),
    Pair("dependency-task", "WSD201", told=frozenset({"WSD104"})),
    Pair("manager", "WSD102", says="hello"),
    Pair("removed-twice", "WSD203"),
    Pair("heartbeat", "WSD301"),
    # A thread's answer may come when the server has closed for a message that was too long.
    Pair("thread", "WSD102", says="hello", told=frozenset({"WSD802"})),
    Pair("order", "WSD602", says='{"count": 2}'),
    refusing("refused", "WSD103"),
)
