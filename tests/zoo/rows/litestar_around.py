from tests.zoo.pair import STAYS, Pair

ROWS = (
    Pair("closing", "WSD101", source="https://github.com/zauberzeug/nicegui/issues/1467"),
    Pair("audit", "WSD203", source="https://github.com/encode/broadcaster/issues/123"),
    Pair("alive", "WSD301", source="https://github.com/django/channels/issues/1049"),
    Pair("limit", "WSD603", kinds=STAYS, source="https://github.com/fastapi/fastapi/issues/3934"),
    Pair(
        "cursor",
        "WSD402",
        headers=(("x-key", "open"),),
        source="https://github.com/litestar-org/litestar/pull/856",
    ),
    Pair(
        "table",
        "WSD201",
        rest="/{table:int}",
        path_params=(("table", "4"),),
        subprotocols=("chess.v1",),
        source="https://github.com/fastapi/fastapi/issues/2370",
    ),
)
