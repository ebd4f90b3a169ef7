from tests.zoo.pair import Pair

ROWS = (
    Pair("board", "WSD104", source="https://github.com/litestar-org/litestar/pull/2691"),
    Pair("room", "WSD201", source="https://github.com/litestar-org/litestar/issues/2813"),
    Pair("relay", "WSD301", source="https://github.com/encode/broadcaster/issues/55"),
    Pair("next", "WSD204", source="https://github.com/litestar-org/litestar/pull/1587"),
    Pair("pair", "WSD402", source="https://github.com/litestar-org/litestar/pull/1587"),
)
