from tests.zoo.pair import Pair

ROWS = (
    # what is shared by all, and is taken by one who leaves
    Pair("turns", "WSD307", source="https://github.com/larksuite/oapi-sdk-python/issues/149"),
    Pair("seats", "WSD307", source="https://github.com/python-websockets/websockets/issues/871"),
    Pair("slots", "WSD307", source="https://github.com/lm-sys/FastChat/issues/3328"),
    Pair("news", "WSD307"),
)
