"""Write these logs anew, with the software that people use: ``python make.py``, where it is installed.

Wants fastapi or starlette, uvicorn[standard], wsproto, rich, structlog, loguru, python-json-logger and
sentry-sdk, and the right to write to /app/src. Each log is that of two WebSocket connections whose client
leaves, and of one HTTP request that fails: that one is none of this family.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
STYLES = (
    "uvicorn", "logging", "rich", "rich-colour", "structlog", "structlog-rich", "structlog-json",
    "structlog-dict", "json-logger", "loguru", "loguru-json", "sentry",
)  # fmt: skip


def handler(style: str) -> logging.Handler:
    """The handler of the root logger."""
    import structlog

    plain = logging.StreamHandler()
    dev, processors = structlog.dev, structlog.processors
    renderers = {
        "structlog": [dev.ConsoleRenderer(colors=True, exception_formatter=dev.plain_traceback)],
        "structlog-rich": [
            dev.ConsoleRenderer(
                colors=True, exception_formatter=dev.RichTracebackFormatter(width=100)
            )
        ],
        "structlog-json": [processors.format_exc_info, processors.JSONRenderer()],
        "structlog-dict": [processors.dict_tracebacks, processors.JSONRenderer()],
    }
    if style == "logging":
        plain.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    elif style in renderers:
        before = [
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            processors.TimeStamper(fmt="iso"),
        ]
        after = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderers[style]]
        plain.setFormatter(
            structlog.stdlib.ProcessorFormatter(foreign_pre_chain=before, processors=after)
        )
    elif style == "json-logger":
        from pythonjsonlogger.json import JsonFormatter

        plain.setFormatter(JsonFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    elif style.startswith("rich"):
        from rich.console import Console
        from rich.logging import RichHandler

        colour = style == "rich-colour"
        console = Console(
            file=sys.stderr, width=120 if colour else 80, force_terminal=colour or None
        )
        return RichHandler(rich_tracebacks=True, console=console)
    elif style.startswith("loguru"):
        return _loguru(serialize=style == "loguru-json")
    elif style == "sentry":
        return _sentry()
    return plain


def _loguru(*, serialize: bool) -> logging.Handler:
    from loguru import logger

    class Handler(logging.Handler):
        def emit(self, record):
            logger.opt(exception=record.exc_info).log(record.levelname, record.getMessage())

    logger.remove()
    logger.add(sys.stderr, serialize=serialize, colorize=not serialize)
    return Handler()


def _sentry() -> logging.Handler:
    """Events as "JSON" of the web interface shows them, without what would identify this machine."""
    import sentry_sdk

    def written(event, _):
        for name in ("modules", "contexts", "extra", "server_name", "sdk", "_meta"):
            event.pop(name, None)
        for value in event["exception"]["values"]:
            for frame in value["stacktrace"]["frames"]:
                for name in ("vars", "pre_context", "post_context"):
                    frame.pop(name, None)
        sys.stderr.write(json.dumps(event, default=str) + "\n")

    sentry_sdk.init(dsn="http://key@localhost/1", before_send=written)
    return logging.NullHandler()


async def conversation(style: str) -> None:
    import uvicorn
    import websockets
    from shop import app

    config = None if style != "uvicorn" else uvicorn.config.LOGGING_CONFIG
    server = uvicorn.Server(
        uvicorn.Config(app, port=0, ws="websockets", log_config=config, proxy_headers=False)
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    for path in ("/prices", "/group"):
        async with websockets.connect(f"ws://127.0.0.1:{port}{path}"):
            await asyncio.sleep(0.12)
        await asyncio.sleep(0.3)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /items/2 HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n")
    await reader.read()
    writer.close()
    server.should_exit = True
    await serving


def main() -> None:
    if len(sys.argv) > 1:
        (style,) = sys.argv[1:]
        if style != "uvicorn":
            logging.getLogger().addHandler(handler(style))
        logging.getLogger().setLevel("INFO")
        asyncio.run(conversation(style))
        return
    production = Path("/app/src")
    production.mkdir(parents=True, exist_ok=True)
    for file in ("shop.py", "make.py"):
        shutil.copy(HERE / file, production)
    for style in STYLES:
        ran = subprocess.run(
            [sys.executable, "-W", "ignore", production / "make.py", style],
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        (HERE / f"{style}.log").write_bytes(ran.stderr)


if __name__ == "__main__":
    main()
