"""WSD203 error-in-cleanup: another exception came up while the disconnect was being handled."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import ESCAPED
from wsdoctor.diagnosis.exceptions import (
    ids,
    is_cancelled,
    is_deliberate,
    is_disconnect,
    is_foreign_context,
    leaves,
    name,
)
from wsdoctor.diagnosis.location import path, place_of, subject, where
from wsdoctor.diagnosis.logged import Signature, Traceback
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._framework_refusals import is_stopped
from wsdoctor.diagnosis.rules._remedies import (
    RESET_WHERE_SET,
    WHEN_IT_ENDS,
    WHERE_CONTEXTS_DIFFER,
    remedy,
    worded,
)
from wsdoctor.diagnosis.rules._snippets import RESET


def detect(connection: Connection) -> Iterator[Occurrence]:
    if connection.end_known is None:
        return
    for escape in connection.escapes:
        error = escape.error
        if any(
            is_disconnect(leaf) or is_cancelled(leaf) or leaf.id in connection.refusals
            for leaf in leaves(error)
        ):
            continue
        if is_deliberate(error) or not connection.came_after_disconnect(escape):
            continue
        if error.id in connection.forbidden_errors or is_stopped(error):
            continue  # the message or the read that raised it is the error
        if connection.misread(escape) or connection.coincides(escape):
            continue
        place = place_of(connection, error)
        way = path(next(leaves(error)).stack)
        logged = bool(ids(error) & connection.logged)
        yield Occurrence(
            code=RULE.code,
            message=f"{subject(connection, place)} raises {name(next(leaves(error)))} at {where(place)} while it handles the disconnect",
            place=place,
            severity="error" if logged else "warning",
            mark="logged" if logged else "masked",
            index=escape.index,
            fault="app" if place is not None else "framework",
            evidence=(
                f"the {escape.boundary} got {name(error)}",
                *((f"call path: {way}",) if way else ()),
            ),
            explains=ids(error),
            blamed_on=ids(error),
            setting="context" if any(map(is_foreign_context, leaves(error))) else "",
        )
        return


RULE = Rule(
    code="WSD203",
    name="error-in-cleanup",
    summary="another exception came up while the disconnect was being handled",
    severity="error if a server logs it, warning if none does",
    effect="escape",
    happens="another error escapes from the clean-up",
    why=(
        "The clean-up after a disconnect runs for every client, and is hardly ever tested. When it "
        "raises, the rest of it is skipped: sets keep dead connections, locks stay held, and the "
        "log has this error for every client that left."
    ),
    silence="If an error tracker is meant to see it: then report it there, and do not let it out.",
    remedies={
        **worded(
            "",
            "Make each step of the clean-up work from wherever the handler had come: `pop(key, "
            "None)` instead of `del`, `discard()` instead of `remove()`, one `finally` inside "
            "another.",
            WHEN_IT_ENDS,
            {
                "": """
                    try:
                        ...
                    except WebSocketDisconnect:
                        names.pop(websocket, None)
                """,
                "asgi": """
                    try:
                        while (await receive())["type"] != "websocket.disconnect":
                            ...
                    finally:
                        names.pop(send, None)
                """,
                "quart": """
                    try:
                        ...
                    finally:
                        names.pop(queue, None)
                """,
                "channels": """
                    async def disconnect(self, code: int) -> None:
                        names.pop(self, None)
                """,
            },
        ),
        "/context": remedy(RESET_WHERE_SET, RESET, WHERE_CONTEXTS_DIFFER),
    },
    detect=detect,
    links=("https://docs.python.org/3/library/contextlib.html",),
    rank=150,
    breaks_off=True,
    checks={
        "": ESCAPED,
    },
    signatures=(
        Signature(
            order=280,
            example="ValueError: list.remove(x): x not in list",
            pattern=r"list\.remove\(x\): x not in list|deque\.remove\(x\): x not in deque",
            means="the clean-up removed something that was already gone",
            also=("WSD406",),
            proof=False,
        ),
    ),
    tracebacks=(
        Traceback(
            shape="raised while cancelled",
            means="{raised} came up while a cancellation was being handled",
            also=("WSD501",),
        ),
        Traceback(
            shape="raised after the disconnect",
            means="{raised} came up while the disconnect was being handled",
            also=("WSD201",),
        ),
    ),
)
