"""The emitted file, put together."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from string import Template
from urllib.parse import parse_qsl

from msgspec.structs import replace

from wsdoctor.diagnosis.emitted import (
    CLOSES,
    ENDS,
    FREEZE,
    PATIENCE,
    STARVES,
    VISITS,
    WATCH,
    Check,
)
from wsdoctor.diagnosis.gauges import NUMBER
from wsdoctor.diagnosis.growth import root_name
from wsdoctor.diagnosis.rules import find_rule
from wsdoctor.plan.kinds import BURST, BURST_KINDS, SERVER_KINDS, STALLING_KINDS, close_code
from wsdoctor.plan.moments import HANDSHAKE, SURVEY, SURVEYED, TIMER, is_poll
from wsdoctor.plan.servers import short_name
from wsdoctor.recording.case import (
    AGAIN,
    BEFORE,
    LATE,
    RECONNECT,
    RUNNING,
    SCARCE,
    THIRD,
    TOGETHER,
    Case,
    ReceiveStep,
    SendStep,
    SleepStep,
    Step,
)
from wsdoctor.recording.events import Holder
from wsdoctor.recording.grace import GRACE
from wsdoctor.report.redaction import REDACTED
from wsdoctor.report.reproducer.application import Application, driver_section, section
from wsdoctor.report.reproducer.checks import check_of
from wsdoctor.report.reproducer.imports import import_block
from wsdoctor.report.reproducer.template import fill
from wsdoctor.report.reproducer.text import quoted

WIDTH = 88
"""Columns of prose: what most people's formatter keeps to."""

IDLE = 0.9
"""Seconds of quiet before a disconnect at the moment ``idle``, as in a session."""

_OWN = (SendStep(text="{}"),)
"""What the client sends in a burst, unless the script sends something."""

_DRIVEN_BURST = f"""\
for _ in range({BURST} if self.sent is not None else 0):
    if isinstance(self.sent, bytes):
        self.ws.send_binary(self.sent)
    else:
        self.ws.send_text(self.sent.encode())"""
"""Code that repeats the driver's last message: nothing else is known about the driver's protocol."""

_DRIVEN = 4
"""Messages that a driver may wait for, in the reckoning of how long all may take."""

_EARLY = frozenset(
    {"abort", "before-accept", "fin", "eof", "vanish", "stall", "stall-abort", RECONNECT}
)
"""Kinds that need no open WebSocket: the others send a frame."""

_SERVER_OPTIONS = {
    "oversize": ("ws_max_size=65_536,",),
    "shutdown-timeout": ("timeout_graceful_shutdown=3,",),
    # uvicorn's own are 20 s each: the same happens, only later.
    "vanish": ("ws_ping_interval=1.0,", "ws_ping_timeout=1.0,"),
    "stall": ("ws_ping_interval=1.0,", "ws_ping_timeout=1.0,"),
    RECONNECT: ("ws_ping_interval=1.0,", "ws_ping_timeout=1.0,"),
}

_QUIET = (
    "It was seen at another moment, a poll of the event loop. Here there are two clients, and the "
    "first one leaves in the quiet."
)

_IN_THE_QUIET = (
    "It was seen at another moment, a poll of the event loop. Here the clients leave in the quiet."
)

_LINGERING = frozenset({"vanish", RECONNECT, *STALLING_KINDS})
"""Kinds of which a server hears late."""

_DEEDS = {
    "abort": "Cut the connection with a TCP reset, as a process does that is killed.",
    "before-accept": "Cut the connection with a TCP reset, as a process does that is killed.",
    "fin": "Shut the write side down without a close frame.",
    "eof": "Close the socket without a close frame.",
    "vanish": "Read nothing any more, and so answer no ping.",
    RECONNECT: "Read nothing any more, and so answer no ping.",
    "stall": "Stop reading, until every buffer is full.",
    "stall-close": "Stop reading, until every buffer is full.",
    "stall-abort": "Stop reading, until every buffer is full.",
    "partial-frame": "Send three of the 100 bytes of a message, then the end of the stream.",
    "protocol-error": "Send a frame with opcode 3, which RFC 6455 reserves.",
    "oversize": "Send a message that is larger than the server's limit.",
    "burst": "Send several messages and the close frame in one segment.",
    "burst-abort": "Send several messages and a TCP reset in one segment.",
}

_RESET = """\
linger = struct.pack("ii", 1, 0)
sock = self.transport.get_extra_info("socket")
sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
self.transport.abort()"""

_BODIES = {
    "abort": _RESET,
    "before-accept": _RESET,
    "fin": "self.silent = True\nself.transport.write_eof()",
    "eof": "self.transport.close()",
    "vanish": "self.transport.pause_reading()",
    RECONNECT: "self.transport.pause_reading()",
    "stall": "self.transport.pause_reading()",
    "stall-close": "self.transport.pause_reading()",
    "stall-abort": "self.transport.pause_reading()",
    "partial-frame": (
        'self.transport.write(b"\\x81\\xe4" + b"\\1\\2\\3\\4" + b"abc")\nself.transport.close()'
    ),
    "protocol-error": 'self.transport.write(b"\\x83\\x80\\0\\0\\0\\0")',
    "oversize": 'self.ws.send_text(b"x" * 70_000)\nself.flush()',
}


@dataclass(frozen=True, slots=True)
class Undone:
    """A function that is left while it ``awaits``, so that the line ``undone`` never runs.

    Lines are counted from the first one of the function.
    """

    function: str
    awaits: int
    undone: int


@dataclass(frozen=True, slots=True)
class Lent:
    """What a pool lends: objects of ``lenders``, a module and a class each, know how many are out.

    ``out`` is the expression for that; the object is called ``pool`` in it.
    """

    lenders: tuple[tuple[str, str], ...]
    out: str


def reproducer(
    case: Case,
    *,
    code: str,
    application: Application,
    message: str = "",
    grace: float = GRACE,
    versions: Mapping[str, str] | None = None,
    driver: Application | None = None,
    grows: Holder | None = None,
    complains: bool = False,
    undone: Undone | None = None,
    refused: bool = False,
    lent: Lent | None = None,
    ticks: bool = False,
    witness: bool = False,
) -> str:
    """The text of a pytest file that fails on what rule ``code`` found in ``case``.

    ``message`` is the finding's own sentence, ``grace`` the seconds after which a handler or a task
    is late, ``versions`` what it was seen with, ``driver`` the function that the case's ``driver`` names,
    ``grows`` the container that keeps something of every client, or that a clean-up takes too much out
    of, if that is what was found. ``complains``: what shows it is what the framework makes of an exception.
    ``undone`` are the lines of a clean-up that never run, if they show it. ``refused``: the client never
    got in. ``lent``: it is about what is taken from a pool. ``ticks``: it is about a timer that is set again
    and again. With ``witness`` the test also writes what it saw, as JSON, into the file that WITNESS names. Where the case has ``***`` for a secret, the file
    reads an environment variable. Raises NameTakenError if the application's source does not go
    into such a file, and ValueError for a code that no rule has.
    """
    rule = find_rule(code)
    if rule is None:
        raise ValueError(f"there is no rule {code!r}")
    check = check_of(
        rule,
        grows=grows is not None,
        counts=grows is not None and grows.container == NUMBER,
        complains=complains,
        undone=undone is not None,
        refused=refused,
        lent=lent is not None,
        ticks=ticks,
    )
    note = ""
    when = ""
    if check.features & {"bystander", "comes-back"} and is_poll(case.at.removesuffix("~")):
        if "bystander" in check.features:
            note = _QUIET
        else:
            when = "after" if case.at.startswith("return") else "during"
        case = replace(case, moment=case.met("idle"))
    moved = "opens" in check.features and is_poll(case.at.removesuffix("~"))
    if moved:
        note, case = _IN_THE_QUIET, replace(case, moment=case.met("idle"))
    features = _features(case, check) | ({"witness"} if witness else set())
    if when:
        features.add(when)
    values = {
        "docstring": _docstring(f"{rule.code} {rule.name}", message, case, versions or {}, note),
        "imports": "",
        "application": "",
        "constants": "",
        **_values(case, check, features, rule.name.replace("-", "_")),
        "verdict": Template(check.verdict).safe_substitute(_undone(undone)),
        "container": "" if grows is None else grows.name,
        "containers": "" if grows is None else _containers(grows),
        **_undone(undone),
        **_lent(lent),
    }
    if moved or case.situation == SCARCE:
        values["met"] = "False"  # to pass says nothing of that other moment
    constants = "\n".join(_constants(case, features, grace))
    body = fill(features, values)
    found = section(application, _defined(body))
    driving = driver_section(driver).text if driver is not None else ""
    values["application"] = "\n\n".join(filter(None, (found.text, driving)))
    used = f"{body}\n{constants}\n{values['application']}"
    values["constants"] = constants
    values["imports"] = import_block(used, found.imports)
    return _spaced(fill(features, values))


def _features(case: Case, check: Check) -> set[str]:
    """What the template has to have: see its ``%% if`` lines."""
    kind, moment = case.act, case.at.removesuffix("~")
    poll, late = is_poll(moment), "late" in check.features
    stalls = kind in STALLING_KINDS
    beside = "bystander" in check.features
    sends = [step for step in case.script if isinstance(step, SendStep)]
    headers = case.handshake.headers
    driven = bool(case.driver)
    has = {
        "driver": driven,
        "comes-late": case.situation == LATE,
        "comes-again": case.situation == AGAIN and not driven,
        "together": case.situation == TOGETHER and not driven,
        "comes-third": case.situation == THIRD and not driven,
        "poll": poll,
        "reverse": poll and case.at.endswith("~"),
        "mid-send": moment == "mid-send",
        "before-accept": moment == HANDSHAKE,
        "callback": poll or moment in {"mid-send", HANDSHAKE},
        "context": poll or bool(check.features & {"tasks", "timers"}),
        "small-buffers": stalls,
        "fill": stalls and beside,
        "watched": stalls or poll or late,
        "leave": kind not in SERVER_KINDS and (poll or kind in _DEEDS),
        "early": kind not in _EARLY,
        "close-frame": poll
        or case.situation in {THIRD, AGAIN, TOGETHER}
        or kind in {"no-code", "stall-close"}
        or close_code(kind) is not None,
        "reached": not poll and moment != SURVEY and "reachless" not in check.features,
        "sends": driven or bool(sends),
        "sends-text": driven or any(step.text is not None for step in sends),
        "sends-bytes": driven or any(step.text is None for step in sends),
        "headers": driven or bool(headers),
        "host": any(name.lower() == "host" for name, _ in headers),
        kind: True,
        case.server: True,
    }
    return {*check.features, *(feature for feature, needed in has.items() if needed)}


def _server_options(case: Case) -> tuple[str, ...]:
    if case.situation == AGAIN:  # another client comes and goes before it is known to be dead
        return ("ws_ping_interval=2.0,", "ws_ping_timeout=2.0,")
    return _SERVER_OPTIONS.get(case.act, ())


def _values(case: Case, check: Check, features: set[str], name: str) -> dict[str, str]:
    kind, poll = case.act, "poll" in features
    subprotocols = ", ".join(
        f"Subprotocol({_value('subprotocol', each)})" for each in case.handshake.subprotocols
    )
    return {
        "name": name,
        "server": short_name(case.server),
        "options": "" if "fill" in features else "\n".join(_server_options(case)),
        "subprotocols": f", subprotocols=[{subprotocols}]" if subprotocols else "",
        "forbidden": _condition(check),
        "verdict": check.verdict,
        "script": "\n".join(_script(case.script, "ws.read + " if case.driver else "")),
        "other_script": "\n".join(_script(case.script, "", "other")),
        "said": _said(case),
        "moment": "\n".join(_moment(case)),
        "disconnect": _disconnect(case, features),
        "second_leaves": _disconnect(case, features, "second"),
        "second_script": "\n".join(_script(case.script, "", "second")),
        "leave_docstring": _DEEDS.get(kind, "Begin the closing handshake."),
        "leave_body": _leave_body(case),
        "visits": str(VISITS),
        "gone": str(STARVES if "lent" in features and kind not in _LINGERING else WATCH),
        "settle": f"{ENDS if 'children' in features else CLOSES:g}",
        "patience": str(PATIENCE * (1 + _messages(case) + (_DRIVEN if case.driver else 0))),
        "freeze": str(FREEZE),
        "running": str(RUNNING),
        "before": str(BEFORE),
        "unnoted": ", lambda *_: None" if poll else "",
        "again_script": "\n".join(_script(case.script, "", "again")),
        "earlier_script": "\n".join(_script(case.script, "", "earlier")),
        "tap_parameter": ", note" if poll else "",
        "client_parameter": ", note" if poll else "",
        "client_argument": ", loop.moments.note" if poll else "",
        "reproduce_parameter": _fixtures(features),
        "test_parameter": _fixtures(features),
        "loop": "EventLoop()" if poll else "asyncio.new_event_loop()",
        "met": "has_left.is_set()" if poll else "reached" if "reached" in features else "True",
    }


def _undone(undone: Undone | None) -> dict[str, str]:
    if undone is None:
        return {}
    return {
        "function": undone.function,
        "awaits": str(undone.awaits),
        "undone": str(undone.undone),
    }


def _lent(lent: Lent | None) -> dict[str, str]:
    if lent is None:
        return {}
    lenders = "\n".join(f"({quoted(module)}, {quoted(name)})," for module, name in lent.lenders)
    return {"lenders": lenders, "out": lent.out}


_STATES = '("starlette.datastructures", "litestar.datastructures.state")'
"""The modules whose objects are the state of an application."""

_VARIABLE = """\
cells = {{
    id(cell): cell
    for it in gc.get_objects()
    if type(it).__name__ == "function" and it.__closure__
    if it.__code__.co_qualname.startswith({within})
    for name, cell in zip(it.__code__.co_freevars, it.__closure__, strict=True)
    if name == {name}
}}
found = [cell.cell_contents for cell in cells.values()]"""
"""How a variable is found that functions keep: each of them has the same cell."""


def _containers(holder: Holder) -> str:
    """The statement that finds what ``holder`` names: of a class, in each of its objects."""
    # What an object of a library holds is found from the user's name for that object on.
    root = holder.name if holder.inside is None else root_name(holder)
    path = holder.name.removeprefix(root)
    name, owner = quoted(root), quoted(holder.owner)
    if holder.owner == "app.state":
        return f"found = [app.state.{holder.name}]"
    if holder.kind == "variable":
        cells = _VARIABLE.format(name=name, within=quoted(f"{holder.owner}.<locals>."))
        return cells.replace("cell.cell_contents for", f"cell.cell_contents{path} for")
    if holder.inside is not None and holder.owner == "logging":
        return f"found = [sys.modules[{owner}]{path}]"
    if holder.owner.startswith("app.state of "):
        what, where = f"thing._state[{name}]", "thing in gc.get_objects()"
        which = (
            f'type(thing).__module__ in {_STATES}\n    if {name} in getattr(thing, "_state", ())'
        )
    elif holder.owner == 'scope["state"]':
        what, where = f"thing.state[{name}]", "thing in gc.get_objects()"
        which = f'type(thing).__name__ == "LifespanOn" and {name} in thing.state'
    elif root.endswith("()"):  # what a function with a cache gives each time
        function = quoted(root.removesuffix("()"))
        what, where = f"vars(module)[{function}]()", "name, module in sys.modules.items()"
        which = f"name in ({owner}, __name__) and {function} in vars(module)"
    elif holder.kind == "global":  # of a module, or of this file, if the application is in it
        what, where = f"vars(module)[{name}]", "name, module in sys.modules.items()"
        which = f"name in ({owner}, __name__) and {name} in vars(module)"
    else:
        # Another library may have a class of that name.
        what, where = f"thing.{root}", "thing in gc.get_objects()"
        which = f"type(thing).__qualname__ == {owner}\n    if hasattr(thing, {name})"
        if root == "self" and holder.inside is not None:
            what, which = "thing", f"type(thing).__qualname__ == {owner}"
        if holder.kind == "class":
            which = f"issubclass(type(thing), type) and thing.__qualname__ == {owner}"
    return f"found = [\n    {what}{path}\n    for {where}\n    if {which}\n]"


def _fixtures(features: Collection[str]) -> str:
    """What the test asks pytest for."""
    wanted = (("logs", "caplog"), ("warns", "recwarn"))
    return ", ".join(fixture for feature, fixture in wanted if feature in features)


def _condition(check: Check) -> str:
    line = " and ".join(("if not allowed", *check.forbidden)) + ":"
    if len(line) <= WIDTH - 8:
        return line
    return "\n".join(
        ("if (", "    not allowed", *(f"    and {each}" for each in check.forbidden), "):")
    )


def _script(steps: tuple[Step, ...], before: str, client: str = "client") -> Iterator[str]:
    """The statements of ``steps``; ``before`` is what is added to the messages that they count."""
    read = 0
    sends = _sends(steps)
    for step in steps:
        match step:
            case SendStep():
                yield f"{client}.send({_message(step, sends)})"
            case ReceiveStep(count=count):
                read += count
                yield f"await {client}.until(lambda: {client}.messages >= {before}{read})"
            case SleepStep(seconds=seconds):
                yield f"await asyncio.sleep({seconds:g})"


def _said(case: Case) -> str:
    """The last message of the script, which a bystander repeats."""
    sends = _sends(case.script)
    return _message(sends[-1], sends) if sends else quoted(b"")


def _sends(steps: tuple[Step, ...]) -> tuple[SendStep, ...]:
    return tuple(step for step in steps if isinstance(step, SendStep))


def _message(step: SendStep, sends: tuple[SendStep, ...]) -> str:
    """What ``step``, one of ``sends``, sends, as an expression."""
    if step.text is None:
        return quoted(bytes.fromhex(step.hex))
    return _value(f"message_{1 + sends.index(step)}", step.text)


def _messages(case: Case) -> int:
    """How many messages the client waits for."""
    asked = sum(step.count for step in case.script if isinstance(step, ReceiveStep))
    after = case.at.removeprefix("after:")
    return max(asked, int(after) if after.isdecimal() else 2)


def _moment(case: Case) -> Iterator[str]:
    if case.at.startswith("after:"):
        count = case.at.removeprefix("after:")
        yield f"await client.until(lambda: client.messages >= {count})"
    elif case.at == "mid-send":
        yield "await client.until(lambda: client.messages >= 1)"
        yield "tap.leave = leave"
        yield "await has_left.wait()"
    elif case.at == SURVEY:
        yield "seen = client.messages"
        yield f"await client.until(lambda: client.messages >= seen + {SURVEYED})"
        yield f"await asyncio.sleep({IDLE})"
    elif case.at in {"idle", TIMER}:  # a wall clock does not know when a timer is due
        yield f"await asyncio.sleep({IDLE})"
        yield "await client.until(lambda: not client.over)"


def _disconnect(case: Case, features: set[str], client: str = "client") -> str:
    if case.act in SERVER_KINDS:
        return "server.should_exit = True"
    if "leave" in features:
        return f"{client}.leave()"
    code = close_code(case.act)
    return f"{client}.close()" if code is None else f"{client}.close({code})"


def _leave_body(case: Case) -> str:
    if case.act in BURST_KINDS:
        end = "self.close(1000)" if case.act == "burst" else f"self.flush()\n{_RESET}"
        own = _sends(case.script)
        if not own and case.driver:
            return f"{_DRIVEN_BURST}\n{end}"
        own = own or _OWN
        said = [
            f"self.ws.send_text({_data(step.text, _message(step, own))})"
            if step.text is not None
            else f"self.ws.send_binary({quoted(bytes.fromhex(step.hex))})"
            for step in own
        ]
        times, more = divmod(BURST, len(own))
        lines = [f"for _ in range({times}):", *textwrap.indent("\n".join(said), "    ").split("\n")]
        return "\n".join((*(lines if times > 1 else said * times), *said[:more], end))
    code = close_code(case.act)
    return _BODIES.get(case.act, "self.close()" if code is None else f"self.close({code})")


def _data(text: str, message: str) -> str:
    return f"{message}.encode()" if REDACTED in text else quoted(text.encode())


def _constants(case: Case, features: set[str], grace: float) -> Iterator[str]:
    yield f"PATH = {_path(case)}"
    if "driver" in features:
        names = ", ".join(_value("subprotocol", name) for name in case.handshake.subprotocols)
        yield f"SUBPROTOCOLS = [{names}]"
    if "headers" in features and not case.handshake.headers:
        yield "HEADERS = []"
    elif "headers" in features:
        yield "HEADERS = ["
        for name, value in case.handshake.headers:
            yield f"    ({quoted(name)}, {_value(name, value)}),"
        yield "]"
    if "poll" in features:
        yield f"MOMENT = {quoted(case.at.removesuffix('~'))}"
    if "grace" in features:
        yield f"GRACE = {grace:g}  # seconds"


def _path(case: Case) -> str:
    path, query = case.handshake.path, case.handshake.query
    pairs = parse_qsl(query, keep_blank_values=True)
    if any(REDACTED in value for _, value in pairs):
        shown = ", ".join(f"{quoted(name)}: {_value(name, value)}" for name, value in pairs)
        before = f'{_value("request_path", path)} + "?"' if REDACTED in path else quoted(path + "?")
        return f"{before} + urlencode({{{shown}}})"
    return _value("request_path", f"{path}?{query}" if query else path)


def _value(name: str, value: str) -> str:
    return f'os.environ["{_variable(name)}"]' if REDACTED in value else quoted(value)


def _variable(name: str) -> str:
    return re.sub(r"\W", "_", name).upper()


def environment(case: Case, redacted: Case) -> dict[str, str]:
    """The variables that the test of ``redacted`` reads, with their values in ``case``."""
    opening, shown = case.handshake, redacted.handshake
    query = parse_qsl(opening.query, keep_blank_values=True)
    hidden_query = parse_qsl(shown.query, keep_blank_values=True)
    path = opening.path
    if opening.query and not any(REDACTED in value for _, value in hidden_query):
        path += f"?{opening.query}"
    given: list[tuple[str, str, str | None]] = [
        ("request_path", shown.path, path),
        *(
            (name, hidden, value)
            for (name, hidden), (_, value) in zip(shown.headers, opening.headers, strict=True)
        ),
        *(
            (name, hidden, value)
            for (name, hidden), (_, value) in zip(hidden_query, query, strict=True)
        ),
        *(
            ("subprotocol", hidden, name)
            for hidden, name in zip(shown.subprotocols, opening.subprotocols, strict=True)
        ),
        *(
            (f"message_{number}", hidden.text or "", step.text)
            for number, (hidden, step) in enumerate(
                zip(_sends(redacted.script), _sends(case.script), strict=True), 1
            )
        ),
    ]
    return {_variable(name): value or "" for name, hidden, value in given if REDACTED in hidden}


def _docstring(title: str, message: str, case: Case, versions: Mapping[str, str], note: str) -> str:
    seen = ", ".join(f"{name} {version}" for name, version in versions.items())
    paragraphs = [
        f"{title}, reproduced.",
        message and message[0].upper() + message[1:] + ("" if message.endswith(".") else "."),
        f"Case: {case.id}",
        f"Seen with {seen}." if seen else "",
        (
            "Fails on the bug and passes once it is fixed: python -m pytest FILE. Needs nothing but "
            "pytest, uvicorn, websockets and what the application needs."
        ),
    ]
    if note:
        paragraphs.append(note)
    if is_poll(case.at.removesuffix("~")):
        paragraphs.append(
            "The moment is a poll of the event loop, counted from what the connection did last: an "
            "application that does something else has other moments, and is then left in the plain way."
        )
    text = "\n\n".join(textwrap.fill(part, WIDTH) for part in paragraphs if part)
    return "".join(
        c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}"
        for c in text.replace("\\", "\\\\").replace('"""', "'''")
    )


def _defined(text: str) -> set[str]:
    """The names that the modules's own statements define."""
    return {
        name
        for node in ast.parse(text).body
        for name in (
            [getattr(node, "name", "")]
            if hasattr(node, "name")
            else [t.id for t in getattr(node, "targets", ()) if isinstance(t, ast.Name)]
        )
    }


def _spaced(text: str) -> str:
    """``text`` with no more than two blank lines, and none at its end."""
    return re.sub(r"\n{4,}", "\n\n\n", text).rstrip("\n") + "\n"
