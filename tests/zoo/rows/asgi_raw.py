from tests.zoo.pair import Pair, refusing

ROWS = (
    # uvicorn's legacy implementation gives the disconnect again and again: that freezes the loop.
    Pair("echo", "WSD104", servers=("websockets-sansio", "wsproto")),
    Pair("close", "WSD101"),
    refusing("answer", "WSD106"),
    Pair("stream", "WSD302"),
    Pair("ahead", "WSD102", says="hello", told=frozenset({"WSD802"})),
    Pair("raw-group", "WSD402", told=frozenset({"WSD202"})),
    Pair("worker", "WSD602"),
)
