"""Which lines of the source bring a number back that another line moves, and which count what has been."""

from __future__ import annotations

import textwrap

import pytest

from wsdoctor.diagnosis.gauges import gauges, movements

OWED = {
    "behind it": """
        async def handler(ws):
            global live
            live += 1
            await ws.receive()
            live -= 1
        """,
    "in a finally": """
        async def handler(ws):
            live[0] += 1
            try:
                await ws.receive()
            finally:
                live[0] -= 1
        """,
    "in an except of a loop": """
        async def handler(ws):
            stats.live += 1
            while True:
                try:
                    await ws.receive()
                except WebSocketDisconnect:
                    stats.live -= 1
                    break
        """,
    "not by itself": """
        async def handler(ws):
            stats.live = stats.live + 1
            await ws.receive()
            stats.live = max(0, stats.live - 1)
        """,
    "within a with": """
        async def handler(ws):
            stats.live += 1
            with suppress(WebSocketDisconnect):
                while await ws.receive_text() != "bye":
                    pass
                stats.live -= 1
        """,
    "where a loop is left": """
        async def handler(ws):
            stats.live += 1
            while True:
                if await ws.receive_text() == "bye":
                    stats.live -= 1
                    break
        """,
    "behind a yield": """
        @asynccontextmanager
        async def counted(app):
            app.state.live += 1
            yield
            app.state.live -= 1
        """,
    "in the functions of a class": """
        class Stats:
            def come(self):
                self.live += 1

            def go(self):
                self.live -= 1


        async def handler(ws):
            stats.come()
            try:
                await ws.receive()
            finally:
                stats.go()
        """,
    "half in another function": """
        class Stats:
            def go(self):
                self.live -= 1


        async def handler(ws):
            stats.live += 1
            await ws.receive()
            stats.go()
        """,
    "in a manager": """
        class Counted:
            async def __aenter__(self):
                stats.live += 1

            async def __aexit__(self, *_):
                stats.live -= 1
        """,
    "in hooks": """
        class Endpoint(WebSocketEndpoint):
            async def on_connect(self, ws):
                await ws.accept()
                Endpoint.live += 1

            async def on_disconnect(self, ws, code):
                Endpoint.live -= 1
        """,
}

OWED |= {
    "by key": """
        class Gauge:
            def inc(self, label):
                self.live[label] = self.live.get(label, 0) + 1

            def dec(self, label):
                self.live[label] = self.live.get(label, 0) - 1


        async def handler(ws):
            gauge.inc("/ws")
            await ws.receive()
            gauge.dec("/ws")
        """,
}

GIVEN = """
    class Gauge:
        def change(self, amount, *labels):
            self.live += amount


    async def handler(ws):
        gauge.change(1)
        await ws.receive()
        gauge.change(-1)
    """

GIVEN_OWED = {
    "by what is given": GIVEN,
    "by its name": GIVEN.replace("change(-1)", "change(amount=-1)"),
    "by key": GIVEN.replace(
        "self.live += amount", "self.live[labels] = self.live.get(labels, 0) + amount"
    ),
    "from a number": GIVEN.replace("+= amount", "-= amount")
    .replace("change(1)", "change(-1.0)", 1)
    .replace("change(-1)", "change(1.0)", 1),
}

GIVEN_NOT_OWED = {
    "an undo": """
        def change(amount):
            stats.live += amount


        async def handler(ws):
            change(1)
            async for text in ws.iter_text():
                if text == "undo":
                    change(-1)
        """,
    "what the clients say": """
        def change(amount):
            stats.live += amount


        async def handler(ws):
            async for text in ws.iter_text():
                if text == "+":
                    change(1)
                elif text == "-":
                    change(-1)
        """,
    "only up": """
        def change(amount):
            stats.live += amount


        async def handler(ws):
            change(1)
            await ws.receive()
            change(len(ws.name))
        """,
}

NOT_OWED = {
    "a number that the clients move": """
        async def handler(ws):
            global live
            while True:
                match await ws.receive_text():
                    case "+":
                        live += 1
                    case "-":
                        live -= 1
        """,
    "or in branches": """
        async def handler(ws):
            async for text in ws.iter_text():
                if text == "+":
                    stats.live += 1
                elif text == "-":
                    stats.live -= 1
        """,
    "or one that also ends it": """
        async def handler(ws):
            while True:
                text = await ws.receive_text()
                if text == "register":
                    stats.live += 1
                elif text == "delete":
                    stats.live -= 1
                    return
        """,
    "an undo": """
        async def handler(ws):
            global live
            live += 1
            async for text in ws.iter_text():
                if text == "undo":
                    live -= 1
        """,
    "other code": """
        async def handler(ws):
            stats.live += 1


        async def reset():
            stats.live -= 1
        """,
}


def lines(text: str, *, always: bool = True, falls: bool = False) -> list[tuple[int, int]]:
    found = movements({"app.py": textwrap.dedent(text).strip()}, "live", falls=falls, always=always)
    return [(entry.put.line, entry.take.line if entry.take else 0) for entry in found]


@pytest.mark.parametrize("text", OWED.values(), ids=OWED)
def test_a_line_that_the_same_code_is_to_come_to_brings_it_back(text):
    source = textwrap.dedent(text).strip().splitlines()
    (found,) = lines(text)
    put, take = (source[number - 1] for number in found)
    assert "+" in put
    assert "- 1" in take or "-= 1" in take


@pytest.mark.parametrize("text", GIVEN_OWED.values(), ids=GIVEN_OWED)
def test_the_calls_of_one_function_are_such_lines_by_what_they_give_to_it(text):
    source = textwrap.dedent(text).strip().splitlines()
    (found,) = lines(text)
    first, second = (number for number, line in enumerate(source, 1) if "gauge.change" in line)
    assert found == (first, second)


@pytest.mark.parametrize("text", GIVEN_NOT_OWED.values(), ids=GIVEN_NOT_OWED)
def test_they_are_owed_as_others_are(text):
    assert not lines(text)


@pytest.mark.parametrize("text", NOT_OWED.values(), ids=NOT_OWED)
def test_any_other_does_so_only_if_it_does_when_a_client_leaves_quietly(text):
    assert not lines(text)
    assert lines(text, always=False)


@pytest.mark.parametrize("text", OWED.values(), ids=OWED)
def test_a_number_may_as_well_go_down(text):
    turned = text.replace("+ 1", "? 1").replace("+= 1", "?= 1")
    turned = turned.replace("- 1", "+ 1").replace("-= 1", "+= 1").replace("?", "-")
    assert lines(turned, falls=True)
    assert not lines(turned)


def test_a_counter_is_no_gauge():
    source = "async def handler(ws):\n    total += 1\n    left -= 1\n    both += 1\n    both -= 1\n"
    up, down, _ = gauges(source)
    assert up & down == {"both"}
