"""The applications to soak: the zoo, and every other application of ours that is meant to be correct."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.soak.clients import Visit
from tests.zoo.pair import Pair
from tests.zoo.zoo import APPS, ZOO
from wsdoctor.recording.case import SendStep

SETTLES = 4.0
"""Wall seconds in which some of what the clients left has to go, until all of it is gone."""

_LONG = 40.0
"""Wall seconds that a session may wait for its client to come back."""

ROOT = Path(__file__).parents[2]
VERDICTS = ROOT / "tests" / "end_to_end" / "apps" / "verdict"


_RACE = "Unexpected ASGI message 'websocket.send'"
"""What uvicorn's legacy implementation says of a message that lost the race with the disconnect.

The ASGI specification allows such a message. That server raises a RuntimeError for it once some other
task has received the disconnect.
"""

_AT_ONCE = (
    "as WSD802, but the second client has to leave 14 to 38 turns of the loop after the first one: "
    "`check` has them leave in the same turn"
)

EXPECTED = {
    "asgi_raw ahead (twin)": (_RACE, "`check` says so as WSD802: the server's"),
    "channels_app farewell (twin)": (_RACE, _AT_ONCE),
    "channels_app sync-group (twin)": (_RACE, _AT_ONCE),
    "cancelled_worker_fastapi": (
        "WebSocket is not connected",
        "`check` says so as WSD104 (`burst-abort@timer`): the framework's",
    ),
    "left_together_starlette": (
        "WebSocket is not connected",
        "as the one above, but another client's clean-up has to send to it between its last two reads",
    ),
}
"""Correct handlers that do not stay clean on the legacy implementation: what its log says, and why."""


@dataclass(frozen=True)
class Target:
    """One route of ``spec`` (``FILE:ATTRIBUTE``), and how it is visited.

    ``code`` is the rule that its handler breaks, empty for a correct one. Things that clients leave behind have
    ``settles`` wall seconds to end.
    """

    name: str
    spec: str
    visit: Visit
    code: str = ""
    settles: float = SETTLES


def zoo(*, bugs: bool) -> list[Target]:
    """The buggy handlers of the zoo, or the twins, but for what lets no client in."""
    return [_of_pair(pair, bug=bugs) for pair in ZOO if pair.verdict == "healthy"]


def others() -> list[Target]:
    """The correct twins of the smallest inputs."""
    return [
        Target(f"{path.stem}", f"{path}:app", Visit("/ok", ("hi",)))
        for path in sorted(VERDICTS.glob("*.py"))
        if '"/ok"' in path.read_text(encoding="utf-8")
    ]


def _of_pair(pair: Pair, *, bug: bool) -> Target:
    path = pair.route(bug=bug)
    for name, value in pair.path_params:
        for kind in ("", ":str", ":int", ":path"):
            path = path.replace(f"{{{name}{kind}}}", quote(value))
    says: list[str | bytes] = [
        step.text if step.text is not None else bytes.fromhex(step.hex)
        for step in pair.script
        if isinstance(step, SendStep)
    ] or ([pair.says] if pair.says else [])
    visit = Visit(path, tuple(says), pair.headers, pair.subprotocols)
    name = f"{pair.app} {pair.name}{'' if bug else ' (twin)'}"
    # A correct one whose tasks outlive their connection says so: they end by themselves.
    settles = _LONG if not bug and "WSD301" in pair.told else SETTLES
    return Target(name, f"{APPS / pair.app}.py:app", visit, pair.code if bug else "", settles)
