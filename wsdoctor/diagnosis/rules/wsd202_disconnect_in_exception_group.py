"""WSD202 disconnect-in-exception-group: the disconnect left wrapped by a task group (PEP 654)."""

from __future__ import annotations

from collections.abc import Iterator

from wsdoctor.diagnosis.blame import place_of, raised_at, where
from wsdoctor.diagnosis.connection import Connection
from wsdoctor.diagnosis.exceptions import ids, is_disconnect, is_group, leaves, name
from wsdoctor.diagnosis.rule import Occurrence, Rule


def detect(connection: Connection) -> Iterator[Occurrence]:
    for escape in connection.escapes:
        error = escape.error
        if not is_group(error):
            continue
        inside = [leaf for leaf in leaves(error) if is_disconnect(leaf) or leaf.id in connection.refusals]
        if not inside:
            continue
        place = place_of(connection, error)
        logged = bool(ids(error) & connection.logged)
        said = []
        for leaf in inside[:3]:
            origin = raised_at(leaf)
            said.append(f"it holds {name(leaf)}" + (f", raised at {where(origin)}" if origin else ""))
        yield Occurrence(
            code=RULE.code,
            message=f"the task group at {where(place)} wraps the disconnect into {error.type.rpartition('.')[2]}, which "
            "`except WebSocketDisconnect` does not catch, and lets it out",
            place=place,
            severity="error" if logged else "warning",
            mark="logged" if logged else "masked",
            index=escape.index,
            fault="app" if place is not None else "framework",
            evidence=(f"{name(error)} reached the {escape.boundary}", *dict.fromkeys(said)),
            explains=ids(error),
            blamed_on=connection.violation_errors & ids(error),
        )
        return


RULE = Rule(
    code="WSD202",
    name="disconnect-in-exception-group",
    summary="WebSocketDisconnect left the handler wrapped by a task group",
    why=(
        "A task group wraps what its tasks raise into an ExceptionGroup. `except WebSocketDisconnect` does not match it, the "
        "framework takes it for a crash (close code 4500 in Litestar), and the legacy server logs it for every client that "
        "leaves."
    ),
    silence="Never intended.",
    remedies={
        "": "Catch it around the group with `except*`, and let the task that meets the disconnect end the others:\n\n"
        "    try:\n        async with asyncio.TaskGroup() as group:\n            group.create_task(send(websocket))\n"
        "            group.create_task(receive(websocket))\n    except* WebSocketDisconnect:\n        pass",
    },
    detect=detect,
)
