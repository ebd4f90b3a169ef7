from tests.zoo.pair import Pair

ROWS = (
    Pair("group", "WSD202"),
    Pair("sibling", "WSD202"),
    Pair("first", "WSD301"),
    Pair("gather", "WSD201"),
    Pair("queue", "WSD204"),
    Pair("quiet", "WSD201"),
    Pair("shield", "WSD301"),
    Pair("close-after", "WSD201"),
    Pair("cancelled", "WSD501"),
    Pair("readers", "WSD105"),
)
