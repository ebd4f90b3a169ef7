from tests.zoo.pair import Pair

ROWS = (
    Pair("gathered", "WSD301"),
    Pair("halves", "WSD301"),
    Pair("awaited", "WSD501", says="hi"),
    # An answer may lose the race with the disconnect, and wsproto's server logs an error for it.
    Pair("quiet", "WSD101", says="hi", told=frozenset({"WSD802"})),
)
