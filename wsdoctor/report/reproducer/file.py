"""The emitted file, put together."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping
from urllib.parse import parse_qsl

from msgspec.structs import replace

from wsdoctor.diagnosis.rules import find_rule
from wsdoctor.plan.kinds import SERVER_KINDS, STALLING_KINDS, close_code
from wsdoctor.plan.moments import HANDSHAKE, SURVEY, is_poll
from wsdoctor.recording.case import Case, ReceiveStep, SendStep, SleepStep, Step
from wsdoctor.recording.events import Holder
from wsdoctor.report.redaction import REDACTED
from wsdoctor.report.reproducer.application import Application, driver_section, section
from wsdoctor.report.reproducer.checks import FREEZE, PATIENCE, Check, check_of
from wsdoctor.report.reproducer.imports import import_block
from wsdoctor.report.reproducer.template import fill
from wsdoctor.report.reproducer.text import quoted

WIDTH = 88
"""Columns of prose: what most people's formatter keeps to."""

IDLE = 0.9
"""Seconds of quiet before a disconnect at the moment ``idle``, as in a session."""

_BURST = (SendStep(text="{}"),) * 3
"""What the client sends before the close frame of ``burst``, unless the script sends something."""

_DRIVEN_BURST = """\
for _ in range(3 if self.sent is not None else 0):
    if isinstance(self.sent, bytes):
        self.ws.send_binary(self.sent)
    else:
        self.ws.send_text(self.sent.encode())
self.close(1000)"""
"""Of the protocol of a driver nothing is known but what it has said last."""

_DRIVEN = 4
"""Messages that a driver may wait for, in the reckoning of how long all may take."""

_EARLY = frozenset({"abort", "before-accept", "fin", "vanish", "stall"})
"""Kinds that need no open WebSocket: the others send a frame."""

_SERVER_OPTIONS = {
    "oversize": ("ws_max_size=65_536,",),
    "shutdown-timeout": ("timeout_graceful_shutdown=3,",),
    # uvicorn's own are 20 s each: the same happens, only later.
    "vanish": ("ws_ping_interval=1.0,", "ws_ping_timeout=1.0,"),
    "stall": ("ws_ping_interval=1.0,", "ws_ping_timeout=1.0,"),
}

_QUIET = (
    "It was seen at another moment, a poll of the event loop. Here there are two clients, and the "
    "first one leaves in the quiet."
)

_DEEDS = {
    "abort": "Cut the connection with a TCP reset, as a process does that is killed.",
    "before-accept": "Cut the connection with a TCP reset, as a process does that is killed.",
    "fin": "Shut the write side down without a close frame.",
    "vanish": "Read nothing any more, and so answer no ping.",
    "stall": "Stop reading, until every buffer is full.",
    "stall-close": "Stop reading, until every buffer is full.",
    "partial-frame": "Send three of the 100 bytes of a message, then the end of the stream.",
    "protocol-error": "Send a frame with opcode 3, which RFC 6455 reserves.",
    "oversize": "Send a message that is larger than the server's limit.",
    "burst": "Send several messages and the close frame in one segment.",
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
    "vanish": "self.transport.pause_reading()",
    "stall": "self.transport.pause_reading()",
    "stall-close": "self.transport.pause_reading()",
    "partial-frame": (
        'self.transport.write(b"\\x81\\xe4" + b"\\1\\2\\3\\4" + b"abc")\nself.transport.close()'
    ),
    "protocol-error": 'self.transport.write(b"\\x83\\x80\\0\\0\\0\\0")',
    "oversize": 'self.ws.send_text(b"x" * 70_000)\nself.flush()',
}


def reproducer(
    case: Case,
    *,
    code: str,
    application: Application,
    message: str = "",
    grace: float = 0.5,
    versions: Mapping[str, str] | None = None,
    driver: Application | None = None,
    grows: Holder | None = None,
) -> str:
    """The text of a pytest file that fails on what rule ``code`` found in ``case``.

    ``message`` is the finding's own sentence, ``grace`` the seconds after which a handler or a task
    is late, ``versions`` what it was seen with, ``driver`` the function that the case's ``driver`` names,
    ``grows`` the container that keeps something of every client, if that is what was found. Where the case has ``***`` for a secret, the file
    reads an environment variable. Raises NameTakenError if the application's source does not go
    into such a file, and ValueError for a code that no rule has.
    """
    rule = find_rule(code)
    if rule is None:
        raise ValueError(f"there is no rule {code!r}")
    check = check_of(rule.code, grows=grows is not None)
    note = ""
    if "bystander" in check.features and is_poll(case.moment.removesuffix("~")):
        case, note = replace(case, moment="idle"), _QUIET
    features = _features(case, check)
    values = {
        "docstring": _docstring(f"{rule.code} {rule.name}", message, case, versions or {}, note),
        "imports": "",
        "application": "",
        "constants": "",
        **_values(case, check, features, rule.name.replace("-", "_")),
        "container": "" if grows is None else grows.name,
        "containers": "" if grows is None else _containers(grows),
    }
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
    kind, moment = case.act, case.moment.removesuffix("~")
    poll, late = is_poll(moment), "late" in check.features
    stalls = kind in STALLING_KINDS
    beside = "bystander" in check.features
    sends = [step for step in case.script if isinstance(step, SendStep)]
    headers = case.handshake.headers
    driven = bool(case.driver)
    has = {
        "driver": driven,
        "poll": poll,
        "reverse": poll and case.moment.endswith("~"),
        "mid-send": moment == "mid-send",
        "before-accept": moment == HANDSHAKE,
        "callback": poll or moment in {"mid-send", HANDSHAKE},
        "context": poll or "tasks" in check.features,
        "small-buffers": stalls,
        "fill": stalls and beside,
        "watched": stalls or poll or late,
        "leave": kind not in SERVER_KINDS and (poll or kind in _DEEDS),
        "early": kind not in _EARLY,
        "close-frame": poll or kind in {"no-code", "stall-close"} or close_code(kind) is not None,
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


def _values(case: Case, check: Check, features: set[str], name: str) -> dict[str, str]:
    kind, poll = case.act, "poll" in features
    subprotocols = ", ".join(
        f"Subprotocol({_value('subprotocol', each)})" for each in case.handshake.subprotocols
    )
    return {
        "name": name,
        "server": case.server.removeprefix("uvicorn:"),
        "options": "" if "fill" in features else "\n".join(_SERVER_OPTIONS.get(kind, ())),
        "subprotocols": f", subprotocols=[{subprotocols}]" if subprotocols else "",
        "forbidden": _condition(check),
        "verdict": check.verdict,
        "script": "\n".join(_script(case.script, "ws.read + " if case.driver else "")),
        "other_script": "\n".join(_script(case.script, "", "other")),
        "said": _said(case),
        "moment": "\n".join(_moment(case)),
        "disconnect": _disconnect(case, features),
        "leave_docstring": _DEEDS.get(kind, "Begin the closing handshake."),
        "leave_body": _leave_body(case),
        "patience": str(PATIENCE * (1 + _messages(case) + (_DRIVEN if case.driver else 0))),
        "freeze": str(FREEZE),
        "tap_parameter": ", note" if poll else "",
        "client_parameter": ", note" if poll else "",
        "client_argument": ", loop.moments.note" if poll else "",
        "reproduce_parameter": _fixtures(features),
        "test_parameter": _fixtures(features),
        "loop": "EventLoop()" if poll else "asyncio.new_event_loop()",
    }


def _containers(holder: Holder) -> str:
    """The statement that finds what ``holder`` names: of a class, in each of its objects."""
    name, owner = quoted(holder.name), quoted(holder.owner)
    if holder.owner == "app.state":
        return f"found = [app.state.{holder.name}]"
    if holder.kind == "global":  # of a module, or of this file, if the application is in it
        what, where = f"vars(module)[{name}]", "name, module in sys.modules.items()"
        which = f"name in ({owner}, __name__) and {name} in vars(module)"
    else:
        what, where = f"thing.{holder.name}", "thing in gc.get_objects()"
        which = f"type(thing).__qualname__ == {owner}"
        if holder.kind == "class":
            which = f"issubclass(type(thing), type) and thing.__qualname__ == {owner}"
    return f"found = [\n    {what}\n    for {where}\n    if {which}\n]"


def _fixtures(features: Collection[str]) -> str:
    """What the test asks pytest for."""
    wanted = (("logs", "caplog"), ("warns", "recwarn"), ("held", "monkeypatch"))
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
    after = case.moment.removeprefix("after:")
    return max(asked, int(after) if after.isdecimal() else 2)


def _moment(case: Case) -> Iterator[str]:
    if case.moment.startswith("after:"):
        count = case.moment.removeprefix("after:")
        yield f"await client.until(lambda: client.messages >= {count})"
    elif case.moment == "mid-send":
        yield "await client.until(lambda: client.messages >= 1)"
        yield "tap.leave = leave"
        yield "await left.wait()"
    elif case.moment == SURVEY:
        yield f"await asyncio.sleep({IDLE})"
    elif case.moment == "idle":
        yield f"await asyncio.sleep({IDLE})"
        yield "await client.until(lambda: not client.over)"


def _disconnect(case: Case, features: set[str]) -> str:
    if case.act in SERVER_KINDS:
        return "server.should_exit = True"
    if "leave" in features:
        return "client.leave()"
    code = close_code(case.act)
    return "client.close()" if code is None else f"client.close({code})"


def _leave_body(case: Case) -> str:
    if case.act == "burst":
        own = _sends(case.script)
        if not own and case.driver:
            return _DRIVEN_BURST
        own = own or _BURST
        return "\n".join(
            (
                *(
                    f"self.ws.send_text({_data(step.text, _message(step, own))})"
                    if step.text is not None
                    else f"self.ws.send_binary({quoted(bytes.fromhex(step.hex))})"
                    for step in own
                ),
                "self.close(1000)",
            )
        )
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
        yield f"MOMENT = {quoted(case.moment.removesuffix('~'))}"
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
    if REDACTED not in value:
        return quoted(value)
    variable = re.sub(r"\W", "_", name).upper()
    return f'os.environ["{variable}"]'


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
    if is_poll(case.moment.removesuffix("~")):
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
