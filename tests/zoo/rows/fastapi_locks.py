from tests.zoo.pair import Pair

ROWS = (
    # a manager whose methods take what others wait for
    Pair("model", "WSD307", source="https://github.com/curie-eng/curie/issues/679"),
    Pair("pool", "WSD307"),
)
