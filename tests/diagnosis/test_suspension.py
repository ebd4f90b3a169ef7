"""Which await points a conversation reached, read from the source and the lines that ran."""

from __future__ import annotations

from textwrap import dedent

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
