"""What looks like these errors and is none of them; each beside the one that is."""

from __future__ import annotations

import io

import pytest

from tests.triage.test_triage import ACCESS, LOG, plain
from wsdoctor.triage.causes import triage
from wsdoctor.triage.classify import reading_of
from wsdoctor.triage.incident import Incident
from wsdoctor.triage.reader import incidents
from wsdoctor.triage.traceback import Raised

LIBRARY = "/usr/lib/python3.12/site-packages"
HTTP = f"{LIBRARY}/uvicorn/protocols/http/httptools_impl.py"
WEBSOCKET = f"{LIBRARY}/uvicorn/protocols/websockets/websockets_impl.py"
CLIENT = f"{LIBRARY}/websockets/asyncio/connection.py"


def traceback(raised: str, *files: str) -> str:
    frames = "".join(
        f'  File "{file}", line {n}, in f{n}\n    pass\n' for n, file in enumerate(files, 1)
    )
    return f"Traceback (most recent call last):\n{frames}{raised}\n"


def read(log: str):
    """(codes of what is sure, codes of what is possible, how many others)."""
    found = triage(incidents(io.BytesIO(f"{ACCESS}{log}{ACCESS}".encode())))
    return [cause.code for cause in found.causes], [c.code for c in found.possible], found.others


NEVER = (
    "Task exception was never retrieved\nfuture: <Task finished coro=<f() done> exception=E()>\n"
)
SIZE = "RuntimeError: Set changed size during iteration"
GONE = "websockets.exceptions.ConnectionClosedError: no close frame received or sent"
MINE = "/srv/shop/chat.py"


@pytest.mark.parametrize(
    "log, expected",
    [
        # an HTTP view, and a handler
        (traceback("KeyError: 'a'", HTTP, MINE), ([], [], 1)),
        (traceback("KeyError: 'a'", WEBSOCKET, MINE), (["WSD602"], [], 0)),
        # a broadcast: from a view, from a background task, from a handler
        (traceback(SIZE, HTTP, MINE), ([], [], 1)),
        (traceback(SIZE, MINE), ([], ["WSD405"], 0)),
        (traceback(SIZE, WEBSOCKET, MINE), (["WSD405"], [], 0)),
        # a cancelled request, and a cancelled handler
        (traceback("asyncio.exceptions.CancelledError", HTTP, MINE), ([], [], 1)),
        (traceback("asyncio.exceptions.CancelledError", WEBSOCKET, MINE), (["WSD501"], [], 0)),
        # a time-out that asyncio makes of a cancellation
        (
            traceback("asyncio.exceptions.CancelledError", WEBSOCKET, MINE)
            + "\nThe above exception was the direct cause of the following exception:\n\n"
            + traceback("TimeoutError", WEBSOCKET, MINE),
            (["WSD602"], [], 0),
        ),
        # a client of another server: a program of its own, within a handler; and a client that left
        (traceback(GONE, CLIENT), ([], [], 1)),
        (traceback(GONE, MINE, CLIENT), ([], ["WSD204"], 0)),
        (traceback(GONE, WEBSOCKET, MINE, CLIENT), (["WSD602"], [], 0)),
        (traceback(GONE, WEBSOCKET, MINE, WEBSOCKET, CLIENT), (["WSD204"], [], 0)),
        # two readers of one connection: of a client, of a server
        (traceback("x.ConcurrencyError: cannot call recv while another", MINE, CLIENT), ([], ["WSD105"], 0)),
        (plain("x.ConcurrencyError: cannot call recv while another"), (["WSD105"], [], 0)),
        # a task that failed: of an unknown owner, of a handler
        (NEVER + traceback("KeyError: 'a'", MINE), ([], ["WSD302"], 0)),
        (NEVER + traceback("KeyError: 'a'", f"{LIBRARY}/x/y.py"), ([], [], 1)),
        (NEVER + traceback("KeyError: 'a'", MINE, f"{LIBRARY}/starlette/websockets.py"), (["WSD302"], [], 0)),
        (traceback("KeyError: 'a'", MINE), ([], [], 1)),
        # asyncio's own callbacks, on Windows and at the end of a server
        (
            "Exception in callback _ProactorBasePipeTransport._call_connection_lost(None)\n"
            "handle: <Handle _ProactorBasePipeTransport._call_connection_lost(None)>\n"
            + traceback("ConnectionResetError: [WinError 10054]", r"C:\Python312\Lib\asyncio\events.py"),
            ([], [], 1),
        ),
        # servers that are no ASGI servers
        (traceback("KeyError: 'a'", f"{LIBRARY}/tornado/websocket.py", MINE), ([], [], 1)),
        (traceback("KeyError: 'a'", f"{LIBRARY}/aiohttp/http_websocket.py", MINE), ([], [], 1)),
        # disconnects that were dealt with
        ("INFO: client left: starlette.websockets.WebSocketDisconnect: (1001, '')\n", ([], [], 0)),
        ("WARNING client left: WebSocketDisconnect(1001)\n", ([], [], 0)),
        ("ERROR starlette.websockets.WebSocketDisconnect: (1001, '')\n", (["WSD201"], [], 0)),
        # a file and a message that only speak of them
        ("ERROR could not open docs/Unexpected ASGI message.md\n", ([], [], 0)),
        ("ERROR the customer said: a close message has been sent\n", ([], [], 0)),
    ],
)  # fmt: skip
def test_only_what_is_about_a_websocket_connection_is_called_so(log, expected):
    assert read(log) == expected


def test_a_message_above_its_traceback_is_one_incident():
    message = (
        'ERROR: Error closing websocket: Cannot call "send" once a close message has been sent.\n'
    )
    assert read(message + LOG) == (["WSD201"], [], 0)
    assert read(message + ACCESS + LOG) == (["WSD103", "WSD201"], [], 0)


def test_what_a_container_runtime_writes_before_each_line_begins_no_record():
    message = 'Error closing websocket: Cannot call "send" once a close message has been sent.\n'
    lines = (message + LOG).splitlines()
    log = "".join(f"2026-11-29T22:05:09.{n:09}Z stderr F {line}\n" for n, line in enumerate(lines))
    assert read(log) == (["WSD201"], [], 0)


def test_the_last_lines_of_a_chain_are_one_incident():
    log = (
        "starlette.websockets.WebSocketDisconnect: (<CloseCode.ABNORMAL_CLOSURE: 1006>, None)\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        "RuntimeError: Unexpected ASGI message 'websocket.close', after sending 'websocket.close'.\n"
    )
    assert read(log) == (["WSD201"], [], 0)


def test_a_chain_whose_first_traceback_has_lost_its_beginning():
    log = (
        "starlette.websockets.WebSocketDisconnect: (1001, '')\n\n"
        "During handling of the above exception, another exception occurred:\n\n"
        + traceback("ValueError: list.remove(x): x not in list", WEBSOCKET, MINE)
    )
    assert read(log) == (["WSD203"], [], 0)


def test_frames_below_the_exception_as_sentry_shows_them():
    log = (
        "RuntimeError: Unexpected ASGI message 'websocket.send', after sending 'websocket.close'.\n"
        f'  File "{MINE}", line 12, in chat\n    await socket.send_text("x")\n'
        f'  File "{LIBRARY}/starlette/websockets.py", line 98, in send\n    await self._send(message)\n'
    )
    (cause,) = triage(incidents(io.BytesIO(log.encode()))).causes
    assert (cause.code, cause.file, cause.line) == ("WSD102", MINE, 12)


def test_two_members_of_a_group_and_what_comes_after_it():
    group = (
        "  + Exception Group Traceback (most recent call last):\n"
        f'  |   File "{WEBSOCKET}", line 1, in run_asgi\n'
        f'  |   File "{MINE}", line 2, in chat\n'
        "  | ExceptionGroup: unhandled errors in a TaskGroup (2 sub-exceptions)\n"
        "  +-+---------------- 1 ----------------\n"
        "    | Traceback (most recent call last):\n"
        f'    |   File "{MINE}", line 3, in listen\n'
        "    | starlette.websockets.WebSocketDisconnect: (1001, '')\n"
        "    +---------------- 2 ----------------\n"
        "    | Traceback (most recent call last):\n"
        f'    |   File "{MINE}", line 4, in send\n'
        "    | starlette.websockets.WebSocketDisconnect: (1006, '')\n"
        "    +------------------------------------\n"
    )
    assert read(group + traceback("KeyError: 'a'", HTTP, MINE)) == (["WSD202"], [], 1)


@pytest.mark.parametrize(
    "above, first", [("Exception in callback f()", "WSD207"), (NEVER, "WSD201")]
)
def test_what_asyncio_says_above_a_disconnect(above, first):
    incident = Incident((Raised("starlette.websockets.WebSocketDisconnect", "(1001, '')"),), above)
    reading = reading_of(incident)
    assert reading is not None
    assert reading.codes[0] == first
    assert {"WSD201", "WSD207" if first == "WSD207" else "WSD302"} <= set(reading.codes)


AWAITED = f"""\
Traceback (most recent call last):
  File "{WEBSOCKET}", line 1, in run_asgi
    result = await self.app(self.scope, self.asgi_receive, self.asgi_send)
  File "{MINE}", line 20, in chat
    await self.end(task)
  File "{MINE}", line 25, in end
    await task
  File "{MINE}", line 12, in stream
    await asyncio.sleep(2)
  File "/usr/lib/python3.12/asyncio/tasks.py", line 649, in sleep
    return await future
asyncio.exceptions.CancelledError
"""


@pytest.mark.parametrize(
    "log, line",
    [
        (AWAITED, 25),
        (AWAITED.replace("    await task\n", "    await stream()\n"), 12),
        (AWAITED.replace("    await task\n", "    await self.parts[name](socket)\n"), 12),
        (AWAITED.replace("    await task\n", "    await asyncio.gather(*tasks)\n"), 25),
        ("\n".join(text for text in AWAITED.splitlines() if not text.startswith("    ")), 12),
    ],
    ids=["a task", "a coroutine", "one that was looked up", "tasks", "no source"],
)
def test_of_a_cancellation_the_line_that_awaits_the_task_is_named(log, line):
    (cause,) = triage(incidents(io.BytesIO(log.encode()))).causes
    assert (cause.code, cause.line) == ("WSD501", line)


def refused(message: str, *called: str) -> str:
    """A disconnect, and what came up while it was being handled: the refusal of ``message``."""
    text = f"RuntimeError: Unexpected ASGI message '{message}', after sending 'websocket.close'."
    return (
        traceback("starlette.websockets.WebSocketDisconnect: (1001, '')", MINE, STARLETTE)
        + "\nDuring handling of the above exception, another exception occurred:\n\n"
        + traceback(text, *called)
    )


STARLETTE = f"{LIBRARY}/starlette/websockets.py"
ANSWER = f"{LIBRARY}/litestar/middleware/_internal/exceptions/middleware.py"


@pytest.mark.parametrize(
    "log, code, line",
    [
        (refused("websocket.close", WEBSOCKET, MINE, STARLETTE, WEBSOCKET), "WSD101", 2),
        (refused("websocket.send", WEBSOCKET, MINE, STARLETTE, WEBSOCKET), "WSD102", 2),
        (refused("websocket.close", WEBSOCKET, MINE, WEBSOCKET), "WSD101", 2),
        (refused("websocket.close", WEBSOCKET, ANSWER, WEBSOCKET), "WSD201", 1),
        (refused("websocket.close", WEBSOCKET, MINE, ANSWER, WEBSOCKET), "WSD201", 1),
    ],
    ids=[
        "its own close",
        "its own send",
        "without a framework",
        "an answer",
        "within a middleware",
    ],
)
def test_a_refused_message_is_blamed_on_the_line_that_sent_it(log, code, line):
    (cause,) = triage(incidents(io.BytesIO(log.encode()))).causes
    assert (cause.code, cause.file, cause.line) == (code, MINE, line)
    assert "WSD201" in {cause.code, *cause.others}
