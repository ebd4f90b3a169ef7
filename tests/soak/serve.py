"""Serve one application with a plain uvicorn, and say on request what it has left behind.

``python serve.py FILE:ATTRIBUTE SERVER``. Nothing of wsdoctor is imported. The port is the first line
of standard output; the log goes to standard error, warnings of asyncio included. ``GET /soak-counts``
answers with the tasks, threads and descriptors of the process, as JSON, after a garbage collection.
"""

from __future__ import annotations

import asyncio
import gc
import importlib.util
import json
import logging
import os
import socket
import sys
import threading
from typing import Any

import uvicorn


def load(spec: str) -> Any:
    """The application ``FILE:ATTRIBUTE``."""
    file, _, attribute = spec.rpartition(":")
    sys.path.insert(0, os.path.dirname(os.path.abspath(file)))
    name = os.path.basename(file).removesuffix(".py")
    found = importlib.util.spec_from_file_location(name, file)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    found.loader.exec_module(module)
    return getattr(module, attribute)


def counts() -> dict[str, int]:
    """What the process holds now, without what answers this request."""
    gc.collect()
    descriptors = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    # The threads of a pool are there for the next call.
    pools = ("asyncio_", "AnyIO worker", "ThreadPoolExecutor")
    threads = [t for t in threading.enumerate() if not t.name.startswith(pools)]
    return {
        "tasks": len(asyncio.all_tasks()),
        "threads": len(threads),
        "descriptors": descriptors,
    }


class Counted:
    """``app``, with one path more."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or scope["path"] != "/soak-counts":
            await self.app(scope, receive, send)
            return
        body = json.dumps(counts()).encode()
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def main() -> None:
    spec, server = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    app = Counted(load(spec))
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, ws=server, log_config=None, access_log=False, interface="asgi3", lifespan="auto"
        )
        print(sock.getsockname()[1], flush=True)
        uvicorn.Server(config).run(sockets=[sock])


if __name__ == "__main__":
    main()
