"""Pools of well-known libraries: what a connection takes from one, and whether it is back.

An adapter names the method by which something is taken, and tells from what the library itself keeps
whether it is still out. It wraps the methods of modules that the application has imported, and leaves
every other one alone.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

IsOut = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Adapter:
    """How one library lends.

    ``takes`` is the method of ``cls`` in ``module`` that lends; ``is_out(pool, taken)`` gives the
    question whether ``taken`` is still out. It must not keep alive what it asks about. ``returns`` is
    the method that takes it back, for libraries that keep no record of what is out.

    ``out`` is the expression for how many ``pool`` has lent, for a test without wsdoctor: of an object
    of ``cls``, or of ``knows``, which is in the same module.
    """

    module: str
    cls: str
    takes: str
    what: str
    is_out: Callable[[Any, Any], IsOut]
    returns: str = ""
    out: str = ""
    knows: str = ""

    @property
    def lender(self) -> type | None:
        """The class, if the application has imported it."""
        found: type | None = getattr(sys.modules.get(self.module), self.cls, None)
        return found


def _asyncpg(_pool: Any, proxy: Any) -> IsOut:
    # Thrown away, the proxy takes its place in the pool with it: the holder knows.
    holder = weakref.ref(proxy._holder)  # noqa: SLF001 - the pool has no public list of them
    use = proxy._holder._in_use  # noqa: SLF001 - as above

    def is_out() -> bool:
        known = holder()
        return known is not None and known._in_use is use  # noqa: SLF001 - as above

    return is_out


def _psycopg(pool: Any, _taken: Any) -> IsOut:
    known = weakref.ref(pool)

    def is_out() -> bool:
        pool = known()
        return pool is not None and not pool.closed

    return is_out


def _redis(pool: Any, connection: Any) -> IsOut:
    known, taken = weakref.ref(pool), weakref.ref(connection)

    def is_out() -> bool:
        pool, connection = known(), taken()
        return (
            pool is not None and connection is not None and connection in pool._in_use_connections  # noqa: SLF001 - there is only a number in public
        )

    return is_out


def _sqlalchemy(_pool: Any, connection: Any) -> IsOut:
    taken = weakref.ref(connection)

    def is_out() -> bool:
        connection = taken()
        return connection is not None and connection.is_valid and not connection.is_detached

    return is_out


def _httpcore(pool: Any, response: Any) -> IsOut:
    known = weakref.ref(pool)
    request = getattr(response.stream, "_pool_request", None)
    taken = (lambda: None) if request is None else weakref.ref(request)

    def is_out() -> bool:
        pool, request = known(), taken()
        return pool is not None and request is not None and request in pool._requests  # noqa: SLF001 - as for redis

    return is_out


def _aiohttp(_connector: Any, connection: Any) -> IsOut:
    taken = weakref.ref(connection)

    def is_out() -> bool:
        connection = taken()
        return connection is not None and not connection.closed

    return is_out


def _litestar(plugin: Any, subscriber: Any) -> IsOut:
    known, taken = weakref.ref(plugin), weakref.ref(subscriber)

    def is_out() -> bool:
        plugin, subscriber = known(), taken()
        return (
            plugin is not None
            and subscriber is not None
            and any(subscriber in each for each in plugin._channels.values())  # noqa: SLF001 - as for redis
        )

    return is_out


ADAPTERS: tuple[Adapter, ...] = (
    Adapter(
        "asyncpg.pool",
        "Pool",
        "_acquire",
        "pooled connection of asyncpg",
        _asyncpg,
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


def imported() -> Iterator[tuple[Adapter, type]]:
    """The adapters of what the application uses, each with its class."""
    for adapter in ADAPTERS:
        lender = adapter.lender
        if lender is not None and adapter.takes in vars(lender):
            yield adapter, lender
