"""Virtual time: what a loop does when nothing is ready."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from tests.sim.loops import run, stopwatch
from wsdoctor.sim.clock import DeadlockError
from wsdoctor.sim.engine import EventLoop, VirtualEventLoop, WallEventLoop, new_event_loop


def test_time_begins_at_zero_and_jumps_to_the_next_timer():
    async def main() -> tuple[float, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await asyncio.sleep(5000)
        return began, loop.time()

    with stopwatch() as watch:
        (began, ended), loop = run(main())
    assert began == 0.0
    assert ended == pytest.approx(5000, abs=1e-6)
    assert watch.seconds < 1
    assert not loop.used_wall_time


def test_a_timer_is_not_due_before_its_time():
    """asyncio runs timers that are due within the clock's resolution, which must be tiny here."""

    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        at: list[float] = []
        for delay in (0.001, 0.0011, 0.00111):
            loop.call_later(delay, lambda: at.append(loop.time()))
        await asyncio.sleep(1)
        return at

    at, _ = run(main())
    assert at == pytest.approx([0.001, 0.0011, 0.00111], abs=1e-9)
    assert len(set(at)) == 3


def test_timers_fire_in_the_order_of_their_times_and_equal_ones_in_some_order_that_never_changes():
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        fired: list[str] = []
        for name, delay in (("d", 40), ("b", 7), ("c", 7.5), ("a", 0.5), ("e", 40.000001)):
            loop.call_later(delay, fired.append, name)
        await asyncio.sleep(60)
        return fired

    assert {"".join(run(main())[0]) for _ in range(20)} == {"abcde"}


def test_a_timer_set_by_a_timer_counts_from_there():
    async def main() -> list[float]:
        loop = asyncio.get_running_loop()
        at = []
        for _ in range(5):
            await asyncio.sleep(0.3)
            at.append(round(loop.time(), 6))
        return at

    assert run(main())[0] == [0.3, 0.6, 0.9, 1.2, 1.5]


def test_the_clock_stands_while_callbacks_are_ready():
    async def main() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(10, lambda: None)
        for _ in range(400):
            await asyncio.sleep(0)
        return loop.time()

    assert run(main())[0] == 0.0


def test_bursts_of_work_between_timers_leave_the_times_round():
    async def main() -> float:
        for _ in range(100):
            for _ in range(300):
                await asyncio.sleep(0)
            await asyncio.sleep(0.1)
        return asyncio.get_running_loop().time()

    assert run(main())[0] == pytest.approx(10, abs=1e-6)


async def _never_idle() -> None:
    while True:
        await asyncio.sleep(0)


@pytest.mark.parametrize("seconds, real", [(0.1, 0.5), (40, 10)])
def test_a_loop_that_is_never_idle_does_not_stop_the_clock(seconds, real):
    """Otherwise no time-out would ever come to one who sends as fast as he can."""

    async def main() -> float:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _never_idle()
        return loop.time()

    with stopwatch() as watch:
        ended, _ = run(main())
    assert ended == pytest.approx(seconds, abs=0.01)
    assert watch.seconds < real


def test_what_a_busy_loop_costs_is_always_the_same():
    async def main() -> float:
        for _ in range(3000):
            await asyncio.sleep(0)
        return asyncio.get_running_loop().time()

    costs = {run(main())[0] for _ in range(3)}
    assert len(costs) == 1
    assert 0.1 < costs.pop() < 2


def test_timeouts_are_virtual():
    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(30):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    with stopwatch() as watch:
        ended, _ = run(main())
    assert ended == pytest.approx(30, abs=1e-6)
    assert watch.seconds < 1


def test_nothing_to_wait_for_is_a_deadlock():
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    loop = VirtualEventLoop()
    task = loop.create_task(main())
    with pytest.raises(DeadlockError, match="would sleep for ever"):
        loop.run_until_complete(task)
    # The loop is as usable as before: the one that waits can be ended.
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(task)
    loop.close()


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        await asyncio.sleep(5)
        writer.write(line)
        await writer.drain()
    writer.close()


def test_real_loopback_sockets_between_streams():
    """Bytes take no virtual time, waiting takes no real time."""

    async def main() -> tuple[list[bytes], float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualEventLoop)
        sock = loop.listen()
        server = await asyncio.start_server(_echo, sock=sock)
        reader, writer = await asyncio.open_connection(*sock.getsockname())
        lines = []
        for number in range(20):
            writer.write(b"%d\n" % number)
            async with asyncio.timeout(5.001):
                lines.append(await reader.readline())
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()
        ended = loop.time()
        await asyncio.sleep(1)  # the server's side closes, too
        return lines, ended

    with stopwatch() as watch:
        (lines, ended), loop = run(main())
    assert lines == [b"%d\n" % number for number in range(20)]
    assert ended == pytest.approx(100, abs=1e-3)
    assert watch.seconds < 2
    assert not loop.used_wall_time, "the loop's own port was taken for a foreign descriptor"


def test_a_megabyte_passes_through_back_pressure():
    """A full socket buffer is no reason for the clock to jump: the reader is about to read."""

    async def main() -> tuple[int, float]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualEventLoop)
        sock = loop.listen(send_buffer=4096)
        got = 0

        async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal got
            while data := await reader.read(4096):
                got += len(data)
            writer.close()

        server = await asyncio.start_server(swallow, sock=sock)
        _, writer = await asyncio.open_connection(*sock.getsockname())
        async with asyncio.timeout(60):
            for _ in range(16):
                writer.write(bytes(65536))
                await writer.drain()
            writer.close()
            await writer.wait_closed()
            while got < 16 * 65536:
                await asyncio.sleep(0.01)
        ended = loop.time()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(1)  # the server's side closes, too
        return got, ended

    (got, ended), _ = run(main())
    assert got == 16 * 65536
    assert ended < 1


@pytest.mark.parametrize("clock", ["virtual", "wall"])
def test_steps_count_the_iterations_of_the_loop(clock):
    async def main(loop: EventLoop) -> list[int]:
        steps = []
        for _ in range(4):
            steps.append(loop.steps)
            await asyncio.sleep(0)
        return steps

    loop = new_event_loop(clock)
    first, *others = loop.run_until_complete(main(loop))
    assert others == [first + 1, first + 2, first + 3]
    loop.close()


def test_the_wall_clock_is_the_wall_clock():
    async def main() -> float:
        await asyncio.sleep(0.02)
        return asyncio.get_running_loop().time()

    loop = new_event_loop("wall")
    assert isinstance(loop, WallEventLoop)
    before = time.monotonic()
    with stopwatch() as watch:
        after = loop.run_until_complete(main())
    assert watch.seconds >= 0.02
    assert after - before >= 0.02
    loop.close()


def test_a_closed_loop_leaves_no_descriptor():
    for clock in ("virtual", "wall"):
        loop = new_event_loop(clock)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()  # pytest turns a ResourceWarning of a forgotten socket into an error
        assert loop.is_closed()
