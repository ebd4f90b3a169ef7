from tests.zoo.pair import BACK, Pair

ROWS = (
    Pair(
        "sockets",
        "WSD406",
        kinds=BACK,
        source="https://github.com/Comfy-Org/ComfyUI/issues/16010",
    ),
    Pair("guest", "WSD406", kinds=BACK),
    Pair("draft", "WSD406", kinds=BACK, between=True),
)
