from tests.zoo.pair import Pair, refusing

ROWS = (
    Pair("chat", "WSD402", source="https://github.com/fastapi/fastapi/issues/1130"),
    Pair("notifications", "WSD301", source="https://github.com/fastapi/fastapi/issues/3934"),
    Pair("changes", "WSD204", source="https://github.com/fastapi/fastapi/issues/709"),
    Pair("assistant", "WSD101", source="https://github.com/MODSetter/SurfSense/issues/17"),
    Pair("voice", "WSD102", source="https://github.com/bildobodo/lcnc-suite/issues/2"),
    Pair("speech", "WSD301", source="https://github.com/mdlmarkham/openclaw-voice/issues/14"),
    Pair("ledger", "WSD401", source="https://github.com/fastapi/fastapi/issues/9992"),
    refusing("token", "WSD103", source="https://github.com/fastapi/fastapi/issues/365"),
    Pair(
        "rooms",
        "WSD102",
        rest="/{room}",
        path_params=(("room", "one"),),
        source="https://github.com/fastapi/fastapi/issues/2370",
    ),
    Pair("crunch", "WSD204", source="https://github.com/fastapi/fastapi/issues/3438"),
    Pair("inbox", "WSD402", source="https://github.com/fastapi/fastapi/issues/3934"),
)
