"""What the tests of the two clocks share: a loop to run on, and a stopwatch of real seconds."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import time
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from wsdoctor.sim.engine import VirtualEventLoop

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """What became of a loop: the virtual time at its end, and whether real time was spent."""

    ended: float
    used_wall_time: bool


def run(main: Coroutine[Any, Any, T], loop: VirtualEventLoop | None = None) -> tuple[T, Run]:
    """What ``main`` returns on a virtual loop, and how that went."""
    loop = loop or VirtualEventLoop()
    # Ours, not the loop's: its shutdown would be part of what is measured.
    threads = concurrent.futures.ThreadPoolExecutor()
    loop.set_default_executor(threads)
    asyncio.set_event_loop(loop)
    try:
        returned = loop.run_until_complete(main)
        return returned, Run(loop.time(), loop.used_wall_time)
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        asyncio.set_event_loop(None)
        loop.close()


class Stopwatch:
    seconds: float = -1.0


@contextlib.contextmanager
def stopwatch() -> Iterator[Stopwatch]:
    """Measures real seconds; read ``seconds`` after the block."""
    watch = Stopwatch()
    began = time.monotonic()
    try:
        yield watch
    finally:
        watch.seconds = time.monotonic() - began
