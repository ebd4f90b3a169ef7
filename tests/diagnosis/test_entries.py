"""Which lines of the source are to take out again what another function has put in, and which are not."""

from __future__ import annotations

import textwrap

import pytest

from wsdoctor.diagnosis.bounds import is_bounded
from wsdoctor.diagnosis.entries import entries_across, is_owed, takes
from wsdoctor.recording.events import Holder

MANAGER = """
    class Manager:
        def __init__(self):
            self.online = {}

        def join(self, key):
            self.online[key] = "here"

        def leave(self, key):
            self.online.pop(key, None)


    manager = Manager()
"""

OWED = {
    "behind it": """
        async def handler(ws):
            manager.join(id(ws))
            await talk(ws)
            manager.leave(id(ws))
        """,
    "in a finally": """
        async def handler(ws):
            manager.join(id(ws))
            try:
                await talk(ws)
            finally:
                manager.leave(id(ws))
        """,
    "never reached": """
        async def handler(ws):
            manager.join(id(ws))
            while True:
                await ws.receive_text()
            manager.leave(id(ws))
        """,
    "where a loop is left": """
        async def handler(ws):
            manager.join(id(ws))
            while True:
                if await ws.receive_text() == "bye":
                    manager.leave(id(ws))
                    break
        """,
    "in the hooks of a class": """
        class Endpoint(WebSocketEndpoint):
            async def on_connect(self, ws):
                manager.join(id(ws))

            async def on_disconnect(self, ws, code):
                manager.leave(id(ws))
        """,
    "in functions that a decorator registers": """
        @app.before_websocket
        async def come():
            manager.join(id(websocket))

        @app.after_websocket
        async def go(response):
            manager.leave(id(websocket))
        """,
    "through a function of its own": """
        async def welcome(ws):
            await ws.accept()
            manager.join(id(ws))

        async def part(ws):
            manager.leave(id(ws))

        async def handler(ws):
            await welcome(ws)
            await talk(ws)
            await part(ws)
        """,
    "half by itself": """
        async def handler(ws):
            manager.online[id(ws)] = ws.name
            await talk(ws)
            manager.leave(id(ws))
        """,
}

SHOWN = {
    "a function without a caller": """
        async def handler(ws):
            await ws.accept()
            manager.join(id(ws))
            async for text in ws.iter_text():
                pass
        """,
    "messages of the protocol tell": """
        async def hook(message, scope):
            if message["type"] == "websocket.accept":
                manager.online[id(scope)] = "here"
            elif message["type"] == "websocket.close":
                manager.online.pop(id(scope), None)
        """,
    "in two functions": """
        async def sending(message):
            if message["type"] == "websocket.accept":
                manager.online[key] = "here"

        async def receiving(message):
            match message:
                case {"type": "websocket.disconnect"}:
                    manager.online.pop(key, None)
        """,
}
"""The element is to be taken out, but not if the clients that differ are the users of a cache."""

NEITHER = {
    "another party": """
        async def handler(ws):
            manager.join(id(ws))
            while True:
                await ws.receive_text()

        @app.delete("/online/{key}")
        async def kick(key):
            manager.leave(key)
        """,
    "another party by name": """
        async def handler(ws):
            manager.join(id(ws))
            while True:
                await ws.receive_text()

        async def kick(request):
            manager.online.pop(request.query_params["key"], None)

        routes = [Route("/kick", kick), Route("/leave", manager.leave)]
        """,
    "what the clients ask for": """
        async def handler(ws):
            async for text in ws.iter_text():
                if text == "add":
                    manager.join(new())
                elif text == "remove":
                    manager.leave(given(text))
        """,
    "what they ask for once, that is never called back": """
        async def handler(ws):
            async for text in ws.iter_text():
                manager.join(text)
        """,
    "an undo": """
        async def handler(ws):
            manager.join(id(ws))
            async for text in ws.iter_text():
                if text == "undo":
                    manager.leave(id(ws))
        """,
    "an undo further off": """
        async def serve(ws):
            async for text in ws.iter_text():
                if text == "undo":
                    manager.leave(id(ws))

        async def handler(ws):
            manager.join(id(ws))
            await serve(ws)
        """,
    "the methods of containers": """
        class Seen:
            def add(self, key):
                self.online[key] = 1

            def discard(self, key):
                self.online.pop(key, None)

        async def handler(ws):
            seen.add(id(ws))
            others.discard(id(ws))
            async for text in ws.iter_text():
                manager.leave(text)
        """,
    "a key of all": """
        async def handler(ws):
            manager.online[id(ws)] = 1
            await talk(ws)
            part()

        def part():
            manager.online.pop("last", None)
        """,
    "a framework may call it": """
        class Consumer(AsyncConsumer):
            async def websocket_receive(self, event):
                manager.online[event["id"]] = 1
                while True:
                    await talk()

            async def chat_leave(self, event):
                manager.online.pop(event["id"], None)
        """,
}

BOUNDED = {
    "a number of the last": """
        def keep(key):
            manager.online[key] = 1
            while len(manager.online) > 500:
                manager.online.popitem(last=False)
        """,
    "or so": """
        def keep(key):
            if len(manager.online) >= 500:
                del manager.online[next(iter(manager.online))]
            manager.online[key] = 1
        """,
    "the last of a list": """
        def keep(key):
            manager.online.append(key)
            del manager.online[:-100]
        """,
    "or a part of it": """
        def keep(key):
            manager.online.append(key)
            manager.online = manager.online[-100:]
        """,
    "by age": """
        def prune():
            for key, seen in list(manager.online.items()):
                if now() - seen > 600:
                    del manager.online[key]
        """,
    "by age, found before": """
        def prune():
            stale = [key for key, seen in manager.online.items() if seen.expired()]
            for key in stale:
                manager.online.pop(key)
        """,
    "by age, all anew": """
        def prune():
            manager.online = {k: seen for k, seen in manager.online.items() if now() - seen < 60}
        """,
    "all of it, now and then": """
        async def forget():
            while True:
                await asyncio.sleep(3600)
                manager.online.clear()
        """,
    "a timer": """
        def detach(key):
            loop.call_later(3600, manager.online.pop, key, None)
        """,
    "a timer that is set": """
        def detach(key):
            loop.call_later(GRACE, manager.leave, key)
        """,
    "a task that sleeps": """
        async def expire(key):
            await asyncio.sleep(3600)
            manager.online.pop(key, None)

        def detach(key):
            tasks.add(asyncio.create_task(expire(key)))
        """,
}

UNBOUNDED = {
    "one is looked for": """
        def drop(ws):
            for key, other in list(manager.online.items()):
                if other is ws:
                    del manager.online[key]
        """,
    "one is left out": """
        def drop(ws):
            manager.online = {k: other for k, other in manager.online.items() if other is not ws}
        """,
    "who cannot be sent to": """
        async def tell(text):
            for key, other in list(manager.online.items()):
                try:
                    await other.send(text)
                except OSError:
                    manager.online.pop(key, None)
        """,
    "at the end of all": """
        async def lifespan(app):
            yield
            manager.online.clear()
        """,
    "a limit for the next": """
        async def handler(ws):
            if len(manager.online) >= 100:
                await ws.close()
                return
            manager.join(id(ws))
        """,
    "an empty room": """
        def leave(room, who):
            if len(manager.online[room]) <= 0:
                del manager.online[room]
        """,
    "a timer that has run": """
        def detach(key):
            loop.call_later(10, manager.leave, key)
        """,
}

ONLINE = Holder("attribute", "online", "Manager", "dict", "app.py")


def sources(text: str) -> dict[str, str]:
    return {"manager.py": textwrap.dedent(MANAGER), "app.py": textwrap.dedent(text)}


@pytest.mark.parametrize("text", (OWED | SHOWN).values(), ids=OWED | SHOWN)
def test_what_one_function_puts_in_another_one_is_to_take_out(text):
    (entry, *_) = entries_across(sources(text), ONLINE)
    assert "online" in entry.taking
    assert entry.take is not None
    assert is_owed(sources(text), ONLINE) is (text in OWED.values())


@pytest.mark.parametrize("text", NEITHER.values(), ids=NEITHER)
def test_any_other_function_is_not(text):
    assert not entries_across(sources(text), ONLINE)
    assert not is_owed(sources(text), ONLINE)
    assert takes(sources(text), ONLINE)


@pytest.mark.parametrize("text", BOUNDED.values(), ids=BOUNDED)
def test_what_is_kept_small_is_owed_to_no_client(text):
    assert is_bounded(sources(text), ONLINE)
    assert not is_owed(sources(text + OWED["behind it"]), ONLINE)


@pytest.mark.parametrize("text", UNBOUNDED.values(), ids=UNBOUNDED)
def test_who_is_taken_out_by_itself_does_not_keep_it_small(text):
    assert not is_bounded(sources(text), ONLINE)
    assert is_owed(sources(text + OWED["behind it"]), ONLINE)


CACHES = {
    "if it is not there": """
        def load(user):
            if user not in manager.online:
                manager.online[user] = read(user)
        """,
    "unless it is there": """
        def load(user):
            if user in manager.online:
                return manager.online[user]
            manager.online[user] = found = read(user)
            return found
        """,
    "or else anew": """
        def load(user):
            found = manager.online.get(user) or read(user)
            manager.online[user] = found
            return found
        """,
    "by default": """
        def load(user):
            return manager.online.setdefault(user, read(user))
        """,
}

USED = """
        async def handler(ws):
            load(ws.user)
            await talk(ws)
            manager.leave(ws.user)
        """


@pytest.mark.parametrize("text", CACHES.values(), ids=CACHES)
def test_a_cache_that_looks_for_its_entry_is_not_owed_it(text):
    assert entries_across(sources(text + USED), ONLINE)
    assert not is_owed(sources(text + USED), ONLINE)


@pytest.mark.parametrize(
    "holder",
    [
        Holder("global", "online", "app", "dict", "app.py"),
        Holder("attribute", "online", "app.state", "dict", ""),
        Holder("attribute", "online", "Other", "dict", "app.py"),
    ],
)
def test_another_container_with_that_name_is_owed_nothing(holder):
    text = OWED["behind it"]
    assert not entries_across(sources(text), holder)
    assert not takes(sources(text), holder)


OTHERS = {
    "another class": """
        class Queue:
            def __init__(self):
                self.online = {}

            def prune(self):
                while len(self.online) > 10:
                    self.online.pop(next(iter(self.online)))
        """,
    "another class's timer": """
        class Queue:
            online: dict[str, str] = {}

            def join(self, key):
                self.online[key] = "here"
                loop.call_later(30, self.online.pop, key, None)
        """,
    "an object of another class": """
        class Queue:
            def __init__(self):
                self.online = deque()

        waiting = Queue()

        def next_one():
            return waiting.online.popleft()
        """,
    "a global variable": """
        online = deque()

        def next_one():
            return online.popleft()
        """,
    "a local variable": """
        def names(text):
            online = []
            online.append(text)
            return online.pop()
        """,
}
"""Code that keeps another container of that name small."""

SAME = {
    "a base class": """
        class Pruned(Manager):
            def prune(self):
                while len(self.online) > 10:
                    self.online.popitem()
        """,
    "a class that it is derived from": """
        class Base:
            def __init__(self):
                self.online = {}

            def prune(self):
                while len(self.online) > 10:
                    self.online.popitem()

        class Manager(Base):
            pass
        """,
    "an object that may be one": """
        def prune(manager):
            while len(manager.online) > 10:
                manager.online.popitem()
        """,
    "its object": """
        manager = Manager()

        def prune():
            while len(manager.online) > 10:
                manager.online.popitem()
        """,
    "a name for it": """
        def prune():
            online = manager.online
            while len(online) > 10:
                online.popitem()
        """,
    "a parameter": """
        def prune(online):
            while len(online) > 10:
                online.popitem()
        """,
    "a class that is given it": """
        class Pruning:
            def __init__(self, online):
                self.online = online

            def prune(self):
                while len(self.online) > 10:
                    self.online.popitem()
        """,
    "a class that does not say where it is from": """
        class Pruning(Mixin):
            def prune(self):
                while len(self.online) > 10:
                    self.online.popitem()
        """,
}
"""Code that keeps it small, or may do so."""


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_code_about_another_container_of_that_name_says_nothing_of_it(text):
    assert not is_bounded(sources(text), ONLINE)
    assert is_owed(sources(text + OWED["behind it"]), ONLINE)


@pytest.mark.parametrize("text", SAME.values(), ids=SAME)
def test_code_that_may_be_about_it_counts(text):
    assert is_bounded(sources(text), ONLINE)


def test_a_global_is_distinguished_from_that_of_another_module():
    pruned = (
        "online = {}\n\n\ndef prune():\n    while len(online) > 10:\n        online.popitem()\n"
    )
    imported = pruned.replace("online = {}", "from app import online")
    holder = Holder("global", "online", "app", "dict", "app.py")
    assert is_bounded({"app.py": pruned}, holder)
    assert is_bounded({"app.py": "online = {}", "other.py": imported}, holder)
    assert not is_bounded({"app.py": "online = {}", "other.py": pruned}, holder)


LAST = {
    "behind a loop that only an exception leaves": """
        async def handler(ws):
            working.append(1)
            try:
                while True:
                    await ws.receive_text()
                working.pop()
            except WebSocketDisconnect:
                pass
        """,
    "when all has been sent": """
        async def handler(ws):
            working.append(1)
            for page in pages:
                await ws.send_text(page)
            working.pop()
        """,
}

NOT_LAST = {
    "a queue that another function empties": """
        async def handler(ws):
            working.append(await ws.receive_text())
            await ws.send_text("queued")

        async def work():
            return working.pop()
        """,
    "a pool that a client takes from": """
        async def handler(ws):
            lent = working.pop() if working else open_one()
            await ws.send_text(lent)
            working.append(lent)
        """,
    "a backlog that is now and then taken from": """
        async def handler(ws):
            while True:
                working.append(await ws.receive_text())
                if ready():
                    working.pop()
        """,
}


@pytest.mark.parametrize("text", LAST.values(), ids=LAST)
def test_who_puts_one_in_is_to_take_the_last_one_out(text):
    working = Holder("global", "working", "app", "list", "app.py")
    assert is_owed({"app.py": "working = []\n" + textwrap.dedent(text)}, working)


@pytest.mark.parametrize("text", NOT_LAST.values(), ids=NOT_LAST)
def test_the_last_one_may_be_that_of_another(text):
    working = Holder("global", "working", "app", "list", "app.py")
    assert not is_owed({"app.py": "working = []\n" + textwrap.dedent(text)}, working)
