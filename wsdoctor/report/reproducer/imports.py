"""The import block of the emitted file: what its text names, once each, sorted."""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterable

NAMED = {
    **{
        name: f"import {name}"
        for name in (
            "asyncio",
            "collections",
            "contextlib",
            "contextvars",
            "dis",
            "gc",
            "io",
            "multiprocessing",
            "os",
            "selectors",
            "signal",
            "socket",
            "struct",
            "subprocess",
            "sys",
            "threading",
            "time",
            "traceback",
            "weakref",
            "uvicorn",
            "pytest",
        )
    },
    "HTTPConnection": "from http.client import HTTPConnection",
    "SimpleCookie": "from http.cookies import SimpleCookie",
    "SimpleNamespace": "from types import SimpleNamespace",
    "dumps": "from json import dumps",
    "importlib": "import importlib.util",
    "loads": "from json import loads",
    "pairwise": "from itertools import pairwise",
    "partial": "from functools import partial",
    "urlencode": "from urllib.parse import urlencode",
    "ClientProtocol": "from websockets.client import ClientProtocol",
    "Opcode": "from websockets.frames import Opcode",
    "Response": "from websockets.http11 import Response",
    "State": "from websockets.protocol import State",
    "Subprotocol": "from websockets.typing import Subprotocol",
    "parse_uri": "from websockets.uri import parse_uri",
}
"""The import of each name that the template may use."""


def import_block(text: str, more: Iterable[str]) -> str:
    """The imports of ``text``, and those in ``more``, as isort would order them."""
    used = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    plain: set[str] = set()
    members: defaultdict[str, set[str]] = defaultdict(set)
    for line in (*more, *(NAMED[name] for name in used & NAMED.keys())):
        (node,) = ast.parse(line).body
        if isinstance(node, ast.Import):
            plain.update(_alias(alias) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            members["." * node.level + (node.module or "")].update(map(_alias, node.names))
    lines = [
        *((name, f"import {name}") for name in sorted(plain)),
        *(
            (module, f"from {module} import {', '.join(sorted(names, key=_rank))}")
            for module, names in sorted(members.items())
        ),
    ]
    groups: dict[int, list[str]] = {0: [], 1: [], 2: []}
    for module, line in lines:
        package = module.partition(".")[0].partition(" ")[0]
        group = 0 if package == "__future__" else 1 if package in sys.stdlib_module_names else 2
        groups[group].append(line)
    return "\n\n".join("\n".join(group) for group in groups.values() if group)


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _rank(name: str) -> tuple[int, str]:
    """Constants, classes, functions: ruff's order."""
    word = name.partition(" ")[0]
    kind = 0 if word.isupper() and len(word) > 1 else 1 if word[:1].isupper() else 2
    return kind, name
