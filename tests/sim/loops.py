"""What the tests of the two clocks share: a loop to run on, and a stopwatch of real seconds."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from wsdoctor.sim.engine import VirtualEventLoop

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T], loop: VirtualEventLoop | None = None) -> tuple[T, VirtualEventLoop]:
    """What ``main`` returns on a virtual loop, and that loop, closed."""
    loop = loop or VirtualEventLoop()
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main), loop
    finally:
        with contextlib.suppress(Exception):
            loop.run_until_complete(loop.shutdown_default_executor())
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
