from tests.zoo.pair import BACK, Pair

ROWS = (
    Pair(
        "routing",
        "WSD406",
        kinds=BACK,
        rest="/{user}",
        path_params=(("user", "ann"),),
        source="https://github.com/Chetan0e/Verath/issues/229",
    ),
    Pair("guest", "WSD406", kinds=BACK),
    Pair("online", "WSD406", kinds=BACK, rest="/{user}", path_params=(("user", "ann"),)),
)
