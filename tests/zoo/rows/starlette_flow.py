from tests.zoo.pair import STAYS, Pair

ROWS = (
    Pair("pipe", "WSD402", source="https://github.com/encode/broadcaster/issues/55"),
    Pair("rendezvous", "WSD303", source="https://github.com/graphql-python/graphql-core/issues/9"),
    Pair("join", "WSD402", says="job", source="https://github.com/litestar-org/litestar/pull/1587"),
    Pair("state", "WSD204", source="https://github.com/Kludex/starlette/issues/759"),
    Pair("patient", "WSD401", source="https://github.com/fastapi/fastapi/issues/3934"),
    Pair(
        "impatient", "WSD105", kinds=STAYS, source="https://github.com/Kludex/starlette/issues/871"
    ),
    Pair("deadline", "WSD602", kinds=STAYS, source="https://github.com/redis/redis-py/issues/2523"),
    Pair("dialog", "WSD104", source="https://github.com/encode/broadcaster/issues/123"),
    Pair(
        "translator", "WSD301", says="Hi", source="https://github.com/Kludex/starlette/issues/759"
    ),
    Pair("printer", "WSD204", source="https://github.com/widgetti/solara/issues/1013"),
    Pair("shielded", "WSD401", source="https://github.com/Kludex/uvicorn/issues/251"),
    Pair("gate", "WSD204", source="https://github.com/fastapi/fastapi/issues/709"),
    Pair("upload", "WSD101", source="https://github.com/MODSetter/SurfSense/issues/17"),
    Pair("orderly", "WSD301", source="https://github.com/BasedHardware/omi/issues/2175"),
    Pair("race", "WSD301", says="cats", source="https://github.com/fastapi/fastapi/issues/1163"),
)
