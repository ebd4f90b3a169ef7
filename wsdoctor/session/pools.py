"""Pools of well-known libraries: what a connection takes from one, and whether it is back.

An adapter names the method by which something is taken, and tells from what the library itself keeps
whether it is still out. It wraps the methods of modules that the application has imported, and leaves
every other one alone.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

IsOut = Callable[[], bool]
Shrink = Callable[[Any], Callable[[], None] | None]


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one library lends.

    ``takes`` is the method of ``cls`` in ``module`` that lends; ``is_out(pool, taken)`` gives the
    question whether ``taken`` is still out. It must not keep alive what it asks about. ``returns`` is
    the method that takes it back, for libraries that keep no record of what is out.

    ``shrink(pool)`` has it lend one thing more than what is out, and no other until one comes back. It
    returns how to undo that, or None if that cannot be done.

    ``out`` is the expression for how many ``pool`` has lent, for a test without wsdoctor: of an object
    of ``cls``, or of ``knows``, which is in the same module.
    """

    module: str
    cls: str
    takes: str
    what: str
    is_out: Callable[[Any, Any], IsOut]
    returns: str = ""
    shrink: Shrink | None = None
    out: str = ""
    knows: str = ""

    @property
    def lender(self) -> type | None:
        """The class, if the application has imported it."""
        found: type | None = getattr(sys.modules.get(self.module), self.cls, None)
        return found


def _asyncpg(_pool: Any, proxy: Any) -> IsOut:
    # Thrown away, the proxy takes its place in the pool with it: the holder knows.
    holder = weakref.ref(proxy._holder)
    use = proxy._holder._in_use

    def is_out() -> bool:
        known = holder()
        return known is not None and known._in_use is use

    return is_out


def _shrink_asyncpg(pool: Any) -> Callable[[], None] | None:
    queue = pool._queue
    if queue is None:
        return None
    idle = [queue.get_nowait() for _ in range(queue.qsize())]
    for holder in idle[:1]:
        queue.put_nowait(holder)

    def restore() -> None:
        for holder in reversed(idle[1:]):
            queue.put_nowait(holder)

    return restore


def _psycopg(pool: Any, _taken: Any) -> IsOut:
    known = weakref.ref(pool)

    def is_out() -> bool:
        pool = known()
        return pool is not None and not pool.closed

    return is_out


def _shrink_psycopg(pool: Any) -> Callable[[], None]:
    idle, most = list(pool._pool), pool._max_size
    while len(pool._pool) > 1:
        pool._pool.pop()
    pool._max_size = pool._nconns + (not idle)

    def restore() -> None:
        pool._max_size = most
        pool._pool.extend(idle[1:])

    return restore


def _redis(pool: Any, connection: Any) -> IsOut:
    known, taken = weakref.ref(pool), weakref.ref(connection)

    def is_out() -> bool:
        pool, connection = known(), taken()
        return (
            pool is not None and connection is not None and connection in pool._in_use_connections
        )

    return is_out


def _shrink_redis(pool: Any) -> Callable[[], None]:
    idle, most = pool._available_connections, pool.max_connections
    held = idle[:-1]
    del idle[:-1]
    pool.max_connections = len(pool._in_use_connections) + 1

    def restore() -> None:
        pool.max_connections = most
        pool._available_connections[:0] = held

    return restore


def _sqlalchemy(_pool: Any, connection: Any) -> IsOut:
    taken = weakref.ref(connection)

    def is_out() -> bool:
        connection = taken()
        return connection is not None and connection.is_valid and not connection.is_detached

    return is_out


def _shrink_sqlalchemy(pool: Any) -> Callable[[], None] | None:
    # One of threads would hold its thread, and wait in real time.
    if not getattr(pool, "_is_asyncio", False) or not hasattr(pool, "_max_overflow"):
        return None
    more, most = pool._overflow, pool._max_overflow
    idle = [pool._pool.get(False) for _ in range(pool.checkedin())]
    for record in idle[:1]:
        pool._pool.put(record, False)
    pool._max_overflow, pool._overflow = 0, (0 if idle else -1)

    def restore() -> None:
        made = pool._overflow + (not idle)
        pool._max_overflow, pool._overflow = most, more + made
        for record in idle[1:]:
            pool._pool.put(record, False)

    return restore


def _httpcore(pool: Any, response: Any) -> IsOut:
    known = weakref.ref(pool)
    request = getattr(response.stream, "_pool_request", None)
    taken = (lambda: None) if request is None else weakref.ref(request)

    def is_out() -> bool:
        pool, request = known(), taken()
        return pool is not None and request is not None and request in pool._requests

    return is_out


def _shrink_httpcore(pool: Any) -> Callable[[], None]:
    most, kept = pool._max_connections, pool._max_keepalive_connections
    pool._max_connections = 1 + sum(not each.is_idle() for each in pool.connections)
    pool._max_keepalive_connections = min(1, kept)

    def restore() -> None:
        pool._max_connections, pool._max_keepalive_connections = most, kept

    return restore


def _aiohttp(_connector: Any, connection: Any) -> IsOut:
    taken = weakref.ref(connection)

    def is_out() -> bool:
        connection = taken()
        return connection is not None and not connection.closed

    return is_out


def _shrink_aiohttp(connector: Any) -> Callable[[], None]:
    most = connector._limit
    connector._limit = len(connector._acquired) + 1

    def restore() -> None:
        connector._limit = most

    return restore


def _litestar(plugin: Any, subscriber: Any) -> IsOut:
    known, taken = weakref.ref(plugin), weakref.ref(subscriber)

    def is_out() -> bool:
        plugin, subscriber = known(), taken()
        return (
            plugin is not None
            and subscriber is not None
            and any(subscriber in each for each in plugin._channels.values())
        )

    return is_out


ADAPTERS: tuple[Adapter, ...] = (
    Adapter(
        "asyncpg.pool",
        "Pool",
        "_acquire",
        "pooled connection of asyncpg",
        _asyncpg,
        shrink=_shrink_asyncpg,
        out="pool.get_size() - pool.get_idle_size()",
    ),
    *(
        Adapter(
            f"psycopg_pool.{module}",
            cls,
            "getconn",
            "pooled connection of psycopg",
            _psycopg,
            "putconn",
            shrink=_shrink_psycopg if module == "pool_async" else None,
            out='pool.get_stats()["pool_size"] - pool.get_stats()["pool_available"]',
        )
        for module, cls in (("pool", "ConnectionPool"), ("pool_async", "AsyncConnectionPool"))
    ),
    *(
        Adapter(
            module,
            cls,
            "get_connection",
            "pooled connection of redis",
            _redis,
            shrink=_shrink_redis if "asyncio" in module else None,
            out="len(pool._in_use_connections)",
        )
        for module in ("redis.connection", "redis.asyncio.connection")
        for cls in ("ConnectionPool", "BlockingConnectionPool")
    ),
    Adapter(
        "sqlalchemy.pool.base",
        "Pool",
        "connect",
        "pooled connection of SQLAlchemy",
        _sqlalchemy,
        shrink=_shrink_sqlalchemy,
        out="int(pool.in_use)",
        knows="_ConnectionRecord",
    ),
    *(
        Adapter(
            f"httpcore.{module}.connection_pool",
            cls,
            method,
            "response of httpx",
            _httpcore,
            shrink=_shrink_httpcore if module == "_async" else None,
            out="len(pool._requests)",
        )
        for module, cls, method in (
            ("_async", "AsyncConnectionPool", "handle_async_request"),
            ("_sync", "ConnectionPool", "handle_request"),
        )
    ),
    Adapter(
        "aiohttp.connector",
        "BaseConnector",
        "connect",
        "connection of an aiohttp client",
        _aiohttp,
        shrink=_shrink_aiohttp,
        out="len(pool._acquired)",
    ),
    Adapter(
        "litestar.channels.plugin",
        "ChannelsPlugin",
        "subscribe",
        "subscriber of Channels",
        _litestar,
        out="sum(map(len, pool._channels.values()))",
    ),
)


_LATE = {"httpx": "httpcore"}
"""Libraries that import another one only when a client is made, and that one."""


def imported() -> Iterator[tuple[Adapter, type]]:
    """The adapters of what the application uses, each with its class."""
    for library, late in _LATE.items():
        if library in sys.modules and late not in sys.modules:
            with contextlib.suppress(ImportError):
                importlib.import_module(late)
    for adapter in ADAPTERS:
        lender = adapter.lender
        if lender is not None and adapter.takes in vars(lender):
            yield adapter, lender
