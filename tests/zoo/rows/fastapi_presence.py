from tests.zoo.pair import SWEPT, Pair

ROWS = (
    Pair(
        "presence",
        "WSD305",
        kinds=SWEPT,
        says="away",
        source="https://github.com/cometd/cometd/issues/322",
    ),
    Pair(
        "tickets",
        "WSD305",
        says="it does not work",
        told=frozenset({"WSD305"}),
        source="https://github.com/Puneet04-tech/AegisGraph-Sentinel-2.0/issues/571",
    ),
)
