"""WSD801 servers-diverge: the same case ends differently on different servers."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.emitted import HANG, check
from wsdoctor.diagnosis.rule import Occurrence, Rule
from wsdoctor.diagnosis.rules._remedies import WHEN_IT_ENDS, remedy, worded
from wsdoctor.diagnosis.rules._snippets import CANCEL_THEN_WAIT


def detect(_connection: Connection) -> Iterator[Occurrence]:
    """Nothing: one Recording is of one server. ``diagnosis.divergence`` makes the comparison."""
    return iter(())


RULE = Rule(
    code="WSD801",
    name="servers-diverge",
    summary="the same case ends differently on different servers, and on none of them with a fault of its own",
    severity="warning if the application can help it, otherwise info",
    effect="remark",
    happens="the servers differ",
    why=(
        "What works with one server need not work with the next, nor with the next version of the same: "
        "uvicorn's default implementation changed with 0.50. The usual case: some servers stop reading "
        "from a client until the application has read what came. To a handler that only sends, a client "
        "that has said one word and leaves is there for another forty seconds, until a ping goes "
        "unanswered; each of them keeps its task, its queue and its place in the room for that long."
    ),
    silence=(
        "If you run one server only: `--ws` chooses it, and there is nothing to compare. A difference "
        "that is not the application's fault is `info` and fails no build."
    ),
    remedies={
        **worded(
            "",
            {
                "": "Read what the client says, even if it is of no use: the disconnect comes after it.",
                "channels": "",
            },
            WHEN_IT_ENDS,
            {
                **CANCEL_THEN_WAIT,
                "": """
                    task = asyncio.create_task(stream(websocket))
                    try:
                        while (await websocket.receive())["type"] != "websocket.disconnect":
                            pass
                    finally:
                        task.cancel()
                        await asyncio.wait([task])
                """,
            },
        ),
        "litestar": remedy(
            "Read what the client says, even if it is of no use: the disconnect comes after it. Or let "
            "`websocket_stream` do so, which listens by default (`warn_on_data_discard=False` where "
            "clients speak and the application does not need it)."
        ),
    },
    detect=detect,
    across_servers=True,
    rank=380,
    checks={
        "": check(
            "late",
            f"in_time = await within({HANG}, tap.ended)",
            'assert in_time, "that the client has left is not known to the application"',
        ),
    },
)
