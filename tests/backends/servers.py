"""Real servers for the tests of this folder, each in a process of its own, on a free loopback port."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent
_STARTS_WITHIN = 60.0
"""Seconds; a busy machine needs some of them."""


def program(name: str) -> str | None:
    """Where ``name`` is installed: on PATH, or where Debian keeps the programs of PostgreSQL."""
    if found := shutil.which(name):
        return found
    return next(map(str, sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))), None)


@contextlib.contextmanager
def redis(executable: str) -> Iterator[str]:
    """A Redis that keeps nothing; its address."""
    with tempfile.TemporaryDirectory() as folder:
        port = _free_port()
        command = [
            executable,
            "--bind",
            "127.0.0.1",
            "--port",
            str(port),
            "--save",
            "",
            "--dir",
            folder,
        ]
        with _running(command, port, folder):
            yield f"redis://127.0.0.1:{port}/0"


@contextlib.contextmanager
def postgres(executable: str) -> Iterator[str]:
    """A PostgreSQL with an empty database; its address. ``executable`` is that of ``initdb``."""
    # It refuses to run as root. In a container that is all that there is, beside its own user.
    user = "postgres" if hasattr(os, "geteuid") and os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory() as folder:
        if user is not None:
            shutil.chown(folder, user)
        data, port = f"{folder}/data", _free_port()
        subprocess.run(
            [executable, "--pgdata", data, "--auth", "trust", "--username", "tester", "--no-sync"],
            check=True,
            capture_output=True,
            user=user,
            cwd=folder,
        )
        server = str(Path(executable).with_name("postgres"))
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "port": port,
            "fsync": "off",
        }
        options = (f"--{name}={value}" for name, value in settings.items())
        with _running([server, "-D", data, *options], port, folder, user=user):
            yield f"postgresql://tester@127.0.0.1:{port}/postgres"


@contextlib.contextmanager
def upstream() -> Iterator[tuple[str, str]]:
    """A process that serves a WebSocket feed, and HTTP responses that go on; the two addresses."""
    with tempfile.TemporaryDirectory() as folder:
        feed, tokens = _free_port(), _free_port()
        command = [sys.executable, str(HERE / "upstream.py"), str(feed), str(tokens)]
        with _running(command, feed, folder):
            yield f"ws://127.0.0.1:{feed}", f"http://127.0.0.1:{tokens}"


@contextlib.contextmanager
def _running(
    command: list[str], port: int, folder: str, *, user: str | None = None
) -> Iterator[None]:
    with (
        open(f"{folder}/log", "wb") as log,
        subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, user=user, cwd=folder
        ) as process,
    ):
        try:
            _wait_until_open(port, process)
            yield
        except BaseException:
            print(Path(f"{folder}/log").read_text(errors="replace"), file=sys.stderr)
            raise
        finally:
            process.terminate()


def _wait_until_open(port: int, process: subprocess.Popen[bytes]) -> None:
    latest = time.monotonic() + _STARTS_WITHIN
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if process.poll() is not None or time.monotonic() > latest:
                raise
        time.sleep(0.05)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])
