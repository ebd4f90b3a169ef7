"""Which await points a conversation reached, read from the source and the lines that ran."""

from __future__ import annotations

from textwrap import dedent

import pytest
from msgspec.structs import replace

from tests.diagnosis.story import Story
from wsdoctor.diagnosis.suspension import await_points, united
from wsdoctor.recording.events import StackFrame
from wsdoctor.recording.recording import Ran

SOURCE = dedent(
    """\
    async def helper(socket):
        await socket.send("a")
        if socket.late:
            await socket.send("b")

    @route("/ws")
    async def handler(socket):
        async with socket as open:
            await helper(socket)
        async for message in socket:
            await socket.send(message)
        texts = [
            text
            async for text in socket
        ]
        async def inner():
            await socket.never()
        return await socket.close(
            1000
        )
    """
)
FILE = "app.py"


def function(name: str, line: int) -> StackFrame:
    return StackFrame(FILE, line, name, user=True, first_line=line)


def points(*ran: Ran, handler: StackFrame | None = None) -> dict[int, bool]:
    recording = replace(
        Story().recording(),
        ran=ran,
        sources={FILE: SOURCE},
        handler=handler or function("handler", 7),
    )
    return {point.place.line: point.reached for point in await_points(recording)}


def test_the_points_of_the_handler_and_of_what_it_called_are_those_that_count():
    ran = (Ran(function("helper", 1), (2, 3)), Ran(function("handler", 6), (8, 9, 10, 12, 14)))
    assert points(*ran) == {
        2: True,
        4: False,
        8: True,
        9: True,
        10: True,
        11: False,
        14: True,
        18: False,
    }


def test_a_handler_that_never_ran_has_points_too():
    assert points() == {8: False, 9: False, 10: False, 11: False, 14: False, 18: False}


def test_a_task_that_the_handler_may_start_has_points_too():
    source = dedent(
        """\
        async def forever(socket):
            await socket.sleep()
            asyncio.ensure_future(twice(socket))

        async def twice(socket):
            await socket.again()

        async def called(socket):
            await socket.call()

        class Peer:
            async def install(self):
                await self.ask()

            async def same(self):
                await self.one()

        class Other:
            async def same(self):
                await self.two()

        async def handler(socket):
            peer = found()
            if socket.late:
                task = asyncio.create_task(forever(socket))
                async with asyncio.TaskGroup() as group:
                    group.create_task(peer.install(), name="install")
                await asyncio.gather(peer.same(), inner())
            asyncio.create_task(unknown())

            async def inner():
                await socket.inside()
        """
    )
    recording = replace(
        Story().recording(),
        ran=(Ran(function("handler", 22), (23, 24)),),
        sources={FILE: source},
        handler=function("handler", 22),
    )
    found = {point.place.line: point.place.function for point in await_points(recording)}
    assert found == {
        2: "forever",
        6: "twice",
        13: "Peer.install",
        26: "handler",
        28: "handler",
        32: "handler.<locals>.inner",
    }
    assert not any(point.reached for point in await_points(recording))


STARTED = """
async def beat(socket, n=1):
    await socket.beat()

class Peer:
    async def pump(self):
        await self.socket.pump()

    async def run(self):
        {own}

class Other:
    async def pump(self):
        await self.socket.other()

async def callback(socket):
    await socket.callback()

def start(socket):
    return asyncio.create_task(beat(socket))

async def elsewhere(socket):
    async def pump():
        await socket.elsewhere()

async def handler(socket):
    async def pump():
        await socket.nested()
    {line}
"""


def started(line: str = "pass", own: str = "pass") -> set[str]:
    """What the await points of a handler, or of a method, that has ``line`` call without it."""
    source = STARTED.format(line=line, own=own)
    head = "    async def run" if own != "pass" else "async def handler"
    first = source.splitlines().index(f"{head}(self):" if own != "pass" else f"{head}(socket):") + 1
    recording = replace(
        Story().recording(),
        ran=(Ran(function("handler", first), ()),),
        sources={FILE: source},
        handler=function("handler", first),
    )
    lines = source.splitlines()
    found = {lines[point.place.line - 1].strip() for point in await_points(recording)}
    return {text.removeprefix("await ") for text in found if "await" in text} - {line, own}


@pytest.mark.parametrize(
    "line",
    [
        "group.start_soon(beat, socket)",
        "group.start_soon(partial(beat, socket, n=2))",
        "group.start_soon(functools.partial(beat), socket)",
        "group.start_soon(lambda: beat(socket))",
        "group.create_task(beat(socket), name='beat')",
        "asyncio.get_running_loop().create_task(beat(socket))",
        "asyncio.ensure_future(beat(socket))",
        "asyncio.create_task(coro=beat(socket))",
        "asyncio.create_task(partial(beat, socket)())",
        "asyncio.gather(*(beat(socket, n) for n in range(3)))",
        "asyncio.gather(*[beat(socket), other(socket)])",
        "coroutine = beat(socket); asyncio.create_task(coroutine)",
        "asyncio.create_task(beat(socket) if socket else beat(None))",
        "loop.call_later(1, lambda: asyncio.create_task(beat(socket)))",
        "start(socket)",
    ],
)
def test_what_is_started_has_points_too(line: str):
    assert started(line) == {"socket.beat()"}


@pytest.mark.parametrize(
    "line",
    ["print(beat)", "hooks.append(callback)", "group.start_soon(unknown)", "socket.start(1)"],
)
def test_a_function_that_is_only_named_has_no_points(line: str):
    assert started(line) == set()


def test_a_bound_method_is_that_of_its_own_class():
    assert started(own="group.start_soon(self.pump)") == {"self.socket.pump()"}
    assert started("peer = Peer(); group.start_soon(peer.pump)") == {"self.socket.pump()"}
    assert started("asyncio.create_task(Other().pump())") == {"self.socket.other()"}


def test_a_nested_function_is_that_of_its_own_handler():
    assert started("group.start_soon(pump)") == {"socket.nested()"}


def test_of_a_method_of_an_unknown_object_the_source_does_not_tell_which_it_is():
    assert started("peer = socket.peer; group.start_soon(peer.pump)") == set()


@pytest.mark.parametrize(
    "line",
    [
        'HANDLERS = {"beat": beat, "cb": callback}; HANDLERS[socket.kind](socket)',
        "table = {Peer: beat, Other: callback}; table.get(type(socket))",
    ],
)
def test_the_functions_of_a_table_have_points_too(line: str):
    assert started(line) == {"socket.beat()", "socket.callback()"}


@pytest.mark.parametrize(
    "line",
    [
        'names = {"beat": 1, "cb": 2}; names[socket.kind]',
        'HANDLERS = {"beat": beat, "cb": callback}; print(HANDLERS)',
    ],
)
def test_a_dictionary_that_is_no_table_or_is_not_looked_up_in_has_no_points(line: str):
    assert started(line) == set()


def test_what_is_started_may_stand_in_another_file():
    source = "from jobs import beat\n\nasync def handler(socket):\n    group.start_soon(beat)\n"
    recording = replace(
        Story().recording(),
        ran=(),
        sources={FILE: source},
        imported={"jobs.py": "async def beat():\n    await nothing()\n"},
        handler=function("handler", 3),
    )
    (point,) = await_points(recording)
    assert (point.place.file, point.place.line, point.reached) == ("jobs.py", 2, False)


def test_of_a_session_whose_lines_were_not_observed_nothing_is_said():
    assert await_points(replace(Story().recording(), sources={FILE: SOURCE})) == ()


def test_a_handler_that_is_a_class_has_the_points_of_its_methods():
    source = "class Echo:\n    async def on_receive(self, data):\n        await data\n"
    recording = replace(
        Story().recording(), ran=(), sources={FILE: source}, handler=function("Echo", 1)
    )
    (point,) = await_points(recording)
    assert (point.place.line, point.place.function) == (3, "Echo.on_receive")


def test_what_one_conversation_reached_is_reached():
    recording = replace(Story().recording(), sources={FILE: SOURCE}, handler=function("handler", 7))
    silent = await_points(replace(recording, ran=()))
    spoken = await_points(replace(recording, ran=(Ran(function("handler", 6), (11,)),)))
    for order in ((silent, spoken), (spoken, silent)):
        both = united(point for points in order for point in points)
        assert [point.place.line for point in both if point.reached] == [11]
