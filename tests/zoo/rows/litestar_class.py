from tests.zoo.pair import Pair

ROWS = (
    Pair("pulse", "WSD301", source="https://github.com/litestar-org/litestar/issues/4106"),
    Pair("meter", "WSD501", source="https://github.com/litestar-org/litestar/issues/4106"),
    Pair(
        "command",
        "WSD603",
        says='{"do": "jump"}',
        rest="/{name:str}",
        path_params=(("name", "radio"),),
        source="https://github.com/django/channels/issues/1433",
    ),
    Pair("report", "WSD401", source="https://github.com/django/channels/issues/1925"),
    Pair("polite", "WSD201", source="https://github.com/litestar-org/litestar/pull/856"),
    Pair("lobby", "WSD201", source="https://github.com/nensii21/devlink/issues/1266"),
)
