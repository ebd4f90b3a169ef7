"""A soak: an application behind a plain uvicorn in a process of its own, and clients that come and go."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.soak.clients import Seen, Visit, come_and_go, counts, once

SERVERS = ("websockets-sansio", "websockets")
"""uvicorn's own names; the first is its default."""

_LONGEST = 60.0
"""Wall seconds in which all of it has to be gone."""

_ERROR = re.compile(
    r"^(?:ERROR|CRITICAL):|never retrieved|was destroyed but it is pending", re.MULTILINE
)
_SAYS = re.compile(r"^[\s|+-]*((?:\w+\.)*\w+(?:Error|Exception|Disconnect\w*|Group)\b.*)$")
"""The line of a traceback that names the exception, also within a group."""

_STARTS = 90.0
"""Wall seconds that an application may take to start."""


@dataclass(frozen=True)
class Soaked:
    """The observations of one route on one server.

    ``errors`` are the errors in the log, by the last line of each traceback. ``grown`` is the number of tasks,
    threads and descriptors that were added after the first client; ``died``: the server no longer answers.
    """

    errors: Counter[str]
    grown: dict[str, int]
    seen: Seen
    died: bool = False

    @property
    def clean(self) -> bool:
        return not self.errors and not self.grown and not self.died

    def __str__(self) -> str:
        """A summary of the defects; ``clean`` if there are none."""
        parts = []
        if self.died:
            parts.append("does not answer")
        if self.errors:
            parts.append(f"{self.errors.total()} errors")
        parts += [f"{more} more {what}" for what, more in self.grown.items()]
        return ", ".join(parts) or "clean"


class Server:
    """``spec`` (``FILE:ATTRIBUTE``) served by uvicorn's implementation ``name``, until ``close``."""

    def __init__(self, spec: str, name: str) -> None:
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed in close()
        self._read = 0
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("serve.py")), spec, name],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=Path(spec).parent,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.strip().isdecimal():
            raise RuntimeError(f"{spec} does not start:\n{self.news()}")
        self.port = int(line)

    async def started(self) -> None:
        """Wait until it answers. Raises TimeoutError."""
        async with asyncio.timeout(_STARTS):
            while await counts(self.port) is None:
                await asyncio.sleep(0.1)

    def news(self) -> str:
        """The text logged since the last call."""
        self._log.seek(self._read)
        text = self._log.read()
        self._read = self._log.tell()
        return text

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._log.close()


@contextlib.contextmanager
def serving(spec: str, name: str) -> Iterator[Server]:
    server = Server(spec, name)
    try:
        yield server
    finally:
        server.close()


async def soak(server: Server, visit: Visit, settles: float, *, seed: int = 1) -> Soaked:
    """The result of SECONDS of clients at ``visit``; things that they left have ``settles`` seconds to end."""
    await once(server.port, visit)
    await _settled(server, None, settles)
    before = await counts(server.port)
    server.news()
    if before is None:
        return Soaked(Counter(), {}, Seen(), died=True)
    seen = await come_and_go(server.port, visit, seed)
    after = await _settled(server, before, settles)
    log = server.news()
    errors = _errors(log)
    if after is None:
        return Soaked(errors, {}, seen, died=True)
    grown = {what: after[what] - before[what] for what in before if after[what] > before[what]}
    return Soaked(errors, grown, seen)


def _errors(log: str) -> Counter[str]:
    """The errors of a log, by what the last line of each one's traceback says."""
    found: Counter[str] = Counter()
    parts = re.split(r"^(?=[A-Z]+:)", log, flags=re.MULTILINE)
    for part in parts:
        if count := len(_ERROR.findall(part)):
            said = [match[1] for line in part.splitlines() if (match := _SAYS.match(line))]
            found[said[-1] if said else part.splitlines()[0]] += count
    return found


async def _settled(
    server: Server, before: dict[str, int] | None, settles: float
) -> dict[str, int] | None:
    """What there is when it has come back to ``before``, or goes down no more; None: no answer."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + _LONGEST
    until, least = loop.time() + settles, float("inf")
    while True:
        now = await counts(server.port)
        if now is None:
            return None
        if sum(now.values()) < least and loop.time() < latest:
            until, least = loop.time() + settles, sum(now.values())
        if before is not None and all(now[what] <= before[what] for what in before):
            return now
        if loop.time() > until or before is None:
            return now
        await asyncio.sleep(0.2)
