"""Raw ASGI: the clean-up of an old connection, when the same client is back on a new one."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

CLOSE = {"type": "websocket.close", "code": 4000}


async def until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass


# --- an inbox for each user; the twin lets the old connection go when the new one comes

inboxes: dict[str, asyncio.Queue[str]] = {}
current: dict[str, Send] = {}


async def inbox_bug(receive: Receive, _send: Send) -> None:
    inboxes["ann"] = asyncio.Queue(10)
    try:
        await until_gone(receive)
    finally:
        del inboxes["ann"]  # <- WSD406 inbox


async def inbox_ok(receive: Receive, send: Send) -> None:
    if (old := current.pop("ann", None)) is not None:
        with suppress(OSError, RuntimeError):
            await old(CLOSE)
    current["ann"] = send
    try:
        await until_gone(receive)
    finally:
        if current.get("ann") is send:
            del current["ann"]


# --- what has been opened for a user is closed at the end, whose ever it is

opened: dict[str, Send] = {}
own: dict[str, Send] = {}


async def closing_bug(receive: Receive, send: Send) -> None:
    opened["ann"] = send
    await until_gone(receive)
    if opened["ann"] is not send:
        await opened["ann"](CLOSE)  # <- WSD406 closing


async def closing_ok(receive: Receive, send: Send) -> None:
    own["ann"] = send
    await until_gone(receive)
    if own.get("ann") is send:
        del own["ann"]


# --- it takes for granted that there is an entry: the user's other connection may have taken it away

seats: dict[str, Send] = {}
places: dict[str, Send] = {}


async def seat_bug(receive: Receive, send: Send) -> None:
    seats["ann"] = send
    await until_gone(receive)
    if seats["ann"] is send:  # <- WSD203 seat
        del seats["ann"]


async def seat_ok(receive: Receive, send: Send) -> None:
    places["ann"] = send
    await until_gone(receive)
    if places.get("ann") is send:
        del places["ann"]


# --- users are known by the query, and a guest, who gives no name, is nobody's

named: dict[str, Send] = {}
callers: dict[str, Send] = {}


async def guest_bug(user: str, receive: Receive, send: Send) -> None:
    if user:
        named[user] = send
    await until_gone(receive)
    named.pop(user, None)  # <- WSD406 guest


async def guest_ok(user: str, receive: Receive, send: Send) -> None:
    if user:
        callers[user] = send
    await until_gone(receive)
    if callers.get(user) is send:
        del callers[user]


GUESTS = {"/guest-bug": guest_bug, "/guest-ok": guest_ok}
HANDLERS = {
    "/inbox-bug": inbox_bug,
    "/inbox-ok": inbox_ok,
    "/closing-bug": closing_bug,
    "/closing-ok": closing_ok,
    "/seat-bug": seat_bug,
    "/seat-ok": seat_ok,
}


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    if (of_guests := GUESTS.get(scope["path"])) is not None:
        query = parse_qs(scope["query_string"].decode())
        await of_guests(query.get("user", [""])[0], receive, send)
        return
    await HANDLERS[scope["path"]](receive, send)
