from tests.zoo.pair import Pair, refusing

ROWS = (
    Pair("ticker", "WSD301", source="https://github.com/django/channels/issues/1049"),
    Pair("stop", "WSD402"),
    Pair("closer", "WSD101", source="https://github.com/django/daphne/issues/227"),
    Pair("farewell", "WSD102", says="{}", source="https://github.com/django/channels/issues/1401"),
    Pair("long", "WSD401", says="go", source="https://github.com/django/channels/issues/1119"),
    Pair("room", "WSD203", source="https://github.com/django/channels/issues/1433"),
    Pair("numbers", "WSD501", source="https://github.com/django/channels/issues/770"),
    refusing("stranger", "WSD103", source="https://github.com/django/channels/issues/1390"),
    Pair("sync-closer", "WSD101", source="https://github.com/django/daphne/issues/227"),
    Pair(
        "sync-order",
        "WSD602",
        says='{"count": 2}',
        source="https://github.com/django/channels/issues/1433",
    ),
    Pair("sync-group", "WSD102", source="https://github.com/django/channels/issues/1401"),
)
