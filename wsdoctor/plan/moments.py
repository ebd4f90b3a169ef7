"""The named moments: when the disconnect happens."""

from __future__ import annotations

from wsdoctor.plan.errors import unknown
from wsdoctor.recording.case import SITUATIONS

AFTER_ACCEPT = "after-accept"
"""The moment that exists for every handler."""

QUIET = "idle"
"""The moment for a client that leaves without disturbing any code."""

TIMER = "timer"
"""The moment at which something of the application's own comes between a client's last words and its end."""

MOMENTS: dict[str, str] = {
    AFTER_ACCEPT: "as soon as the handshake is answered (and the script is done)",
    "after:N": "when the client has received N messages, e.g. after:2",
    "mid-send": "while the application's next send is under way",
    QUIET: "in the quiet after a message: nothing is under way on the connection",
    TIMER: "just before a timer: the handler's fires while the client's last messages are read, that of a task "
    "which sends to all clients as the server learns of the end",
}

HANDSHAKE = "handshake"
"""The only moment of the kind ``before-accept``."""

SURVEY = "survey"
"""Not a moment of a case that is judged: the client waits and sees what the handler does by itself."""

SURVEYED = 3
"""Messages after which a survey has seen enough."""

EVERY = "*"
"""Not a moment either: the session lives its whole life, and tells the names of all its moments."""

NAMED: tuple[str, ...] = (AFTER_ACCEPT, "after:2", "mid-send", QUIET)


REVERSED = "~"
"""After the name of a poll: from then on, sockets that are ready together are served in the other
order."""


def messages_needed(moment: str) -> int:
    """How many messages the handler must send before ``moment`` is reached."""
    if moment.startswith("after:"):
        return int(moment.removeprefix("after:"))
    return {"mid-send": 2, QUIET: 0, AFTER_ACCEPT: 0, TIMER: 0}.get(moment, 0)


def is_poll(moment: str) -> bool:
    """Whether ``moment`` names a poll of the event loop, as ``send#2+1`` does, or ``send#2+1~``."""
    anchor, plus, number = moment.removesuffix(REVERSED).rpartition("+")
    return bool(plus and anchor and number.isdecimal() and int(number) > 0)


def parse_moment(text: str) -> str:
    """A moment as it is written in case ids. Raises PlanError for one that does not exist."""
    name = text.strip()
    situation, colon, moment = name.partition(":")
    if colon and situation in SITUATIONS:
        return f"{situation}:{parse_moment(moment)}"
    if is_poll(name):
        return name
    count = name.removeprefix("after:")
    if name.startswith("after:") and count.isdecimal() and int(count) >= 1:
        return f"after:{int(count)}"
    if name not in MOMENTS or name == "after:N":
        raise unknown("moment", name, MOMENTS)
    return name
