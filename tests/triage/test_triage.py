"""From the lines of a log to causes: formats, interleaved lines, broken ones."""

from __future__ import annotations

import io
import json

import pytest

from wsdoctor.triage.causes import triage
from wsdoctor.triage.log import BLOCK
from wsdoctor.triage.reader import incidents

NAIVE = """\
Traceback (most recent call last):
  File "/srv/shop/feed.py", line 20, in stream
    await socket.send_text("tick")
  File "/usr/lib/python3.12/site-packages/starlette/websockets.py", line 98, in send
    raise WebSocketDisconnect(code=1006)
starlette.websockets.WebSocketDisconnect: (1006, '')

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/uvicorn/protocols/websockets/websockets_impl.py", line 240, in run_asgi
    result = await self.app(self.scope, self.asgi_receive, self.asgi_send)
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/shop/asgi.py", line 5, in feed
    await run()
RuntimeError: Unexpected ASGI message 'websocket.close', after sending 'websocket.close' or response already completed.
"""
PLAIN = """\
Traceback (most recent call last):
  File "/usr/lib/python3.12/site-packages/uvicorn/protocols/websockets/websockets_impl.py", line 240, in run_asgi
    result = await self.app(self.scope, self.asgi_receive, self.asgi_send)
  File "/srv/shop/chat.py", line 12, in chat
    {source}
{raised}
"""
GROUP = """\
  + Exception Group Traceback (most recent call last):
  |   File "/usr/lib/python3.12/site-packages/uvicorn/protocols/websockets/wsproto_impl.py", line 240, in run_asgi
  |     result = await self.app(self.scope, self.asgi_receive, self.asgi_send)
  |   File "/srv/shop/chat.py", line 12, in chat
  |     async with asyncio.TaskGroup() as group:
  | ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/shop/chat.py", line 30, in sender
    |     await socket.send_text("x")
    | starlette.websockets.WebSocketDisconnect: (1006, '')
    +------------------------------------
"""
FOREIGN = """\
Traceback (most recent call last):
  File "/srv/shop/views.py", line 3, in get
    return items[key]
KeyError: 'a'
"""
PENDING = """\
asyncio: Task was destroyed but it is pending!
task: <Task pending coro=<pump() running at /srv/shop/chat.py:12> wait_for=<Future pending>>
"""
ACCESS = 'INFO:     127.0.0.1:5000 - "GET /items/7 HTTP/1.1" 200 OK\n'


def plain(raised: str, source: str = "await socket.receive_text()") -> str:
    return PLAIN.format(source=source, raised=raised)


def causes(log: str | bytes):
    data = log.encode() if isinstance(log, str) else log
    return [
        (cause.count, cause.code, cause.file, cause.line)
        for cause in triage(incidents(io.BytesIO(data))).causes
    ]


def chat(code: str, line: int = 12, count: int = 1):
    return [(count, code, "/srv/shop/chat.py", line)]


@pytest.mark.parametrize(
    "log, expected",
    [
        (NAIVE, [(1, "WSD201", "/srv/shop/feed.py", 20)]),
        (plain("starlette.websockets.WebSocketDisconnect: (1005, '')"), chat("WSD201")),
        (GROUP, chat("WSD202", 30)),
        (plain("asyncio.exceptions.CancelledError"), chat("WSD501")),
        (plain("KeyError: 'room'"), chat("WSD602")),
        (
            plain('RuntimeError: Cannot call "send" once a close message has been sent.'),
            chat("WSD103"),
        ),
        (
            plain(
                'RuntimeError: Cannot call "receive" once a disconnect message has been received.'
            ),
            chat("WSD104"),
        ),
        (
            plain("websockets.exceptions.ConcurrencyError: cannot call recv while another task"),
            chat("WSD105"),
        ),
        (
            plain(
                "RuntimeError: Unexpected ASGI message 'websocket.send', after sending 'websocket"
            ),
            chat("WSD102"),
        ),
        (plain("uvicorn.protocols.utils.ClientDisconnected"), chat("WSD204")),
        (
            NAIVE.partition("During")[0]
            + "During handling of the above exception, another exception occurred:\n\n"
            + plain("ValueError: list.remove(x): x not in list"),
            [(1, "WSD203", "/srv/shop/feed.py", 20)],
        ),
        (
            PENDING,
            chat("WSD303"),
        ),
        (
            "ERROR:    Cancel 2 running task(s), timeout graceful shutdown exceeded\n",
            [(1, "WSD403", "", 0)],
        ),
        (FOREIGN, []),
        ("", []),
    ],
)
def test_what_was_raised_tells_the_rule_and_the_users_line(log, expected):
    assert causes(ACCESS + log + ACCESS) == expected


LOG = plain("starlette.websockets.WebSocketDisconnect: (1001, '')")


@pytest.mark.parametrize(
    "log",
    [
        f"[2026-11-25 04:00:00 +0000] [17] [ERROR] Exception in ASGI application\n{LOG}",
        f"ERROR - 2026-11-25 04:00:00,001 - litestar - config - Uncaught exception:\n{LOG}",
        "".join(f"web-1  | {line}\n" for line in LOG.splitlines()),
        "".join(
            f"2026-11-25T04:00:0{n % 10}.{n}Z app[17]: {line}\n"
            for n, line in enumerate(LOG.splitlines())
        ),
        LOG.replace("\n", "\r\n"),
        "".join(f"{line}\n{ACCESS}{ACCESS}" for line in LOG.splitlines()),
        json.dumps({"level": "error", "message": "Exception in ASGI application", "exc_info": LOG}),
        json.dumps({"a": [{"b": f"Exception in ASGI application\n{LOG}"}]}),
        json.dumps(
            {
                "event": "Uncaught exception",
                "exception": [
                    {
                        "exc_type": "WebSocketDisconnect",
                        "exc_value": "(1001, '')",
                        "syntax_error": None,
                        "frames": [{"filename": "/srv/shop/chat.py", "lineno": 12, "name": "chat"}],
                    }
                ],
            }
        ),
    ],
    ids=[
        "gunicorn", "litestar", "compose", "journal", "windows", "interleaved", "json", "nested", "structlog",
    ],
)  # fmt: skip
def test_formats(log):
    assert causes(ACCESS + log + "\n" + ACCESS) == chat("WSD201")


def test_two_processes_that_write_at_once():
    ours = LOG.splitlines(keepends=True)
    other = [f"web-2  | {line}" for line in FOREIGN.splitlines(keepends=True)]
    mixed = [line for pair in zip(ours, [*other, "", ""], strict=False) for line in pair]
    found = triage(incidents(io.BytesIO("".join(mixed).encode())))
    assert [(cause.code, cause.line) for cause in found.causes] == [("WSD201", 12)]
    assert found.others == 1


def test_broken_bytes_and_cut_lines_survive():
    data = b"\xff\xfe\x00" * 1000 + b"\n" + LOG.encode().replace(b"1001", b"\xe91001") + b"\xff"
    assert causes(data) == chat("WSD201")
    assert causes(LOG[: len(LOG) // 2]) == []
    assert causes('{"a": "Traceback (most recent call last):') == []


@pytest.mark.parametrize("shift", range(-120, 40, 7))
def test_a_place_on_the_edge_of_a_block_is_found_once(shift):
    filler = ACCESS.encode() * (BLOCK // len(ACCESS))
    assert causes(filler[: BLOCK + shift] + b"\n" + LOG.encode() + filler) == chat("WSD201")


def test_equal_causes_are_counted_with_their_times_and_paths():
    accepted = '2026-11-25 04:0{n}:00 INFO: 127.0.0.1:1 - "WebSocket /chat?token=x" [accepted]\n'
    log = "".join(accepted.format(n=n) + LOG for n in range(3))
    (cause,) = triage(incidents(io.BytesIO(log.encode()))).causes
    assert (cause.count, cause.first, cause.last) == (
        3,
        "2026-11-25 04:00:00",
        "2026-11-25 04:02:00",
    )
    assert dict(cause.paths) == {"/chat": 3}
    assert dict(cause.kinds) == {"close:1001": 3}
