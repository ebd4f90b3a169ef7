"""The correct programs: the zoo's twins, the corrected examples of the rules, the correct scenarios."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.mutation.trees import Function
from tests.rules.test_examples import EXAMPLES, TABLE
from tests.zoo.zoo import APPS, ZOO
from wsdoctor.engine.catalogue import catalogue
from wsdoctor.options.check import Options


@dataclass(frozen=True)
class Twin:
    """A correct program: the ``route`` of an application, and what a client has to say to it.

    ``lines`` are those of the file that it runs.
    """

    name: str
    framework: str
    file: Path
    route: str
    options: Options
    lines: frozenset[int]

    @property
    def text(self) -> str:
        """What it runs of the file."""
        every = self.file.read_text(encoding="utf-8").splitlines()
        return "\n".join(line for number, line in enumerate(every, 1) if number in self.lines)


@functools.cache
def twins() -> tuple[Twin, ...]:
    """All of them, in a fixed order."""
    found = []
    for pair in ZOO:
        if pair.app.startswith("channels"):
            continue  # Django is set up once in a process, and a process judges many programs
        file = APPS / f"{pair.app}.py"
        route = pair.route(bug=False)
        spoken_to = pair.options(bug=False)[0]
        reach = replace(spoken_to, kinds=(), servers=(), depth="quick", paths=(route,))
        found.append(
            Twin(
                f"{pair.app}/{pair.name}",
                pair.app.partition("_")[0],
                file,
                route,
                reach,
                _lines_of(ast.parse(file.read_text(encoding="utf-8")), route, pair.name),
            )
        )
    for code, example in TABLE.items():
        file = EXAMPLES / f"{code.lower()}_fixed.py"
        found.append(_alone(f"examples/{file.stem}", file, example.fixed))
    found.extend(
        _alone(f"scenarios/{variant.name}", variant.path, {})
        for variant in catalogue()
        if not (variant.shows or variant.shows_in_sweep)
    )
    return tuple(twin for twin in found if twin.lines)


def _alone(name: str, file: Path, options: dict[str, Any]) -> Twin:
    """A file that is one program."""
    text = file.read_text(encoding="utf-8")
    given: dict[str, Any] = {
        key: tuple(value.items()) if isinstance(value, dict) else value
        for key, value in options.items()
    }
    framework = next(item for item in ("litestar", "fastapi", "starlette") if item in text)
    lines = frozenset(range(1, len(text.splitlines()) + 1))
    return Twin(name, framework, file, "", Options(**given), lines)


def _lines_of(tree: ast.Module, route: str, name: str) -> frozenset[int]:
    """The lines of the functions and classes that the twin at ``route`` is made of."""
    defined: dict[str, list[ast.stmt]] = {}
    for statement in tree.body:
        if isinstance(statement, Function | ast.ClassDef):
            defined.setdefault(statement.name, []).append(statement)
            continue
        for item in ast.walk(statement):
            if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Store):
                defined.setdefault(item.id, []).append(statement)
    waiting = [
        *_roots(tree, route),
        f"{name.replace('-', '_')}_ok",
        f"{name.title().replace('-', '')}Ok",
    ]
    seen: set[str] = set()
    lines: set[int] = set()
    while waiting:
        wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        for statement in defined.get(wanted, ()):
            if isinstance(statement, Function | ast.ClassDef):
                lines.update(range(statement.lineno, (statement.end_lineno or 0) + 1))
            used = (item.id for item in ast.walk(statement) if isinstance(item, ast.Name))
            if wanted not in {"app", "APPS"}:
                waiting.extend(used)
    return frozenset(lines)


def _roots(tree: ast.Module, route: str) -> set[str]:
    """What the name of the route stands beside: its decorated function, its class, its entry in a table."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            own = node.body if isinstance(node, ast.ClassDef) else node.decorator_list
            if any(_mentions(item, route) for item in own):
                found.add(node.name)
        elif isinstance(node, ast.Call) and any(_mentions(item, route) for item in node.args[:1]):
            found |= _names(*node.args[1:])
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None and _mentions(key, route):
                    found |= _names(value)
    return found


def _mentions(node: ast.AST, route: str) -> bool:
    return any(isinstance(item, ast.Constant) and item.value == route for item in ast.walk(node))


def _names(*nodes: ast.AST) -> set[str]:
    return {item.id for node in nodes for item in ast.walk(node) if isinstance(item, ast.Name)}
