from tests.zoo.pair import STAYS, Pair, refusing

ROWS = (
    Pair("close-in-finally", "WSD101"),
    Pair("receive-loop", "WSD104"),
    Pair("plain-echo", "WSD201", kinds=("close", "burst")),
    refusing("reject", "WSD103"),
    refusing("denial", "WSD103"),
    Pair("farewell", "WSD102"),
    Pair("slow-ticker", "WSD204"),
    Pair("deaf-ticker", "WSD402"),
    Pair("progress", "WSD103", kinds=STAYS, between=True),
    Pair("five-messages", "WSD201"),
    Pair("one-answer", "WSD101"),
    Pair("subprotocol", "WSD104", kinds=STAYS, subprotocols=("v2", "v1")),
    Pair("command", "WSD602", says="dance"),
)
