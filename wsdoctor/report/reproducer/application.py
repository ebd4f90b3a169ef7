"""How the emitted file gets its application: imported, or written into it; wrapped, if it is none."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import msgspec

from wsdoctor.report.model import TargetInfo
from wsdoctor.report.reproducer.imports import NAMED
from wsdoctor.report.reproducer.text import quoted
from wsdoctor.target.address import parse
from wsdoctor.target.modules import importable

Kind = Literal["app", "factory", "handler", "listener", "lifespan"]

_DECLARATIONS = frozenset({"SHOWS", "SHOWS_IN_SWEEP", "FIXED_TWIN"})
"""What a built-in variant says of itself: nothing that a reader of its code has to know."""


class NameTakenError(ValueError):
    """The source of an application cannot be written into the file: both define the same name."""


@dataclass(frozen=True, slots=True)
class Application:
    """Where the emitted file has its application from.

    ``attribute`` of ``module``, which is found in ``folder``; or of ``source``, the text of a module
    that is written into the file. ``kind`` and ``framework`` say how it is wrapped into an app, as
    those of a ``TargetInfo`` do.
    """

    attribute: str = "app"
    module: str = ""
    folder: str = "."
    kind: Kind = "app"
    framework: str = "litestar"
    source: str | None = None


def application_of(target: TargetInfo) -> Application:
    """How a file in the working directory imports ``target``, which is none of the variants.

    Raises TargetError if there is no such file.
    """
    address = parse(target.spec)
    module, folder = importable(address, target.app_dir)
    return Application(
        attribute=address.attribute,
        module=module,
        folder=folder,
        kind=msgspec.convert(target.kind, Kind),
        framework=target.framework,
    )


def driver_of(spec: str, app_dir: str | None) -> Application:
    """How a file in the working directory imports the driver ``spec``.

    Raises TargetError if there is no such file.
    """
    address = parse(spec)
    module, folder = importable(address, app_dir)
    return Application(attribute=address.attribute, module=module, folder=folder)


_BLOCK = re.compile(r"@|class |def |async def ")
"""The beginning of a block with two blank lines before it."""


@dataclass(frozen=True, slots=True)
class Section:
    """The lines that define ``app``, and the imports that they need besides."""

    text: str
    imports: tuple[str, ...] = ()


def section(application: Application, taken: Collection[str]) -> Section:
    """The lines that define ``app`` in a file that defines the names ``taken``.

    Raises NameTakenError.
    """
    if application.source is not None:
        return _embedded(application, application.source, taken)
    return _imported(application, taken)


def driver_section(driver: Application) -> Section:
    """The lines that define ``drive``."""
    root, *rest = driver.attribute.split(".")
    if not _is_importable(driver.module):
        lines = (*_found("driver", driver), f"drive = driver.{driver.attribute}")
        return Section("\n".join(lines))
    name = "drive" if rest or root != "drive" else ""
    text = (
        f"sys.path.insert(0, {quoted(driver.folder)})\n"
        f"from {driver.module} import {root}{f' as {name}' if name else ''}{_REASON}"
    )
    return Section(f"{text}\n\ndrive = {'.'.join(('drive', *rest))}" if rest else text)


def _found(name: str, application: Application) -> tuple[str, ...]:
    """The lines that load a module that no import statement can name, as ``name``."""
    file = quoted(f"{application.folder}/{application.module}.py".removeprefix("./"))
    module = "module" if name == "application" else name
    return (
        f"sys.path.insert(0, {quoted(application.folder)})",
        f'spec = importlib.util.spec_from_file_location("{name}", {file})',
        f"{module} = importlib.util.module_from_spec(spec)",
        f'sys.modules["{name}"] = {module}',
        f"spec.loader.exec_module({module})",
    )


def _imported(application: Application, taken: Collection[str]) -> Section:
    root, *rest = application.attribute.split(".")
    module = application.module
    path = f"sys.path.insert(0, {quoted(application.folder)})"
    if not _is_importable(module):
        # Its name is no identifier, or that of a module of Python's own.
        wrapped, imports = _wrapped(application, f"module.{application.attribute}")
        return Section("\n".join((*_found("application", application), wrapped)), imports)
    if application.kind == "app" and not rest:
        name = "app" if root == "app" else f"{root} as app"
        return Section(f"{path}\nfrom {module} import {name}{_REASON}")
    local = "target" if root in {*taken, "app", "echo"} else root
    name = root if local == root else f"{root} as {local}"
    wrapped, imports = _wrapped(application, ".".join((local, *rest)))
    return Section(f"{path}\nfrom {module} import {name}{_REASON}\n\n{wrapped}", imports)


_REASON = "  # noqa: E402 - found by the path above"


def _is_importable(module: str) -> bool:
    return (
        all(part.isidentifier() for part in module.split("."))
        and module.partition(".")[0] not in sys.stdlib_module_names
    )


def _wrapped(application: Application, thing: str) -> tuple[str, tuple[str, ...]]:
    """The lines that make ``app`` of ``thing``, and the imports that they need."""
    match application.kind, application.framework:
        case "factory", _:
            return f"app = {thing}()", ()
        case (("handler" | "listener"), "fastapi"):
            return f"app = FastAPI()\napp.include_router({thing})", ("from fastapi import FastAPI",)
        case (("handler" | "listener"), _):
            return f"app = Litestar([{thing}], openapi_config=None)", (
                "from litestar import Litestar",
            )
        case "lifespan", _:
            return _LISTENER.format(thing), ("from litestar import Litestar, websocket_listener",)
    return ("" if thing == "app" else f"app = {thing}"), ()


_LISTENER = """
@websocket_listener("/", connection_lifespan={})
async def echo(data: str) -> str:
    return data


app = Litestar([echo], openapi_config=None)"""


def _embedded(application: Application, source: str, taken: Collection[str]) -> Section:
    tree = ast.parse(source)
    lines = source.splitlines()
    imports: list[str] = []
    cut: set[int] = set()
    for index, node in enumerate(tree.body):
        bound = set(_bound(node))
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(ast.unparse(node))
            _check_names(node, taken)
        elif not (index == 0 and ast.get_docstring(tree) is not None) and not (
            bound and bound <= _DECLARATIONS
        ):
            if clash := bound & {*taken, *NAMED}:
                raise NameTakenError(", ".join(sorted(clash)))
            continue
        cut.update(range(node.lineno - 1, (node.end_lineno or node.lineno)))
    kept = "\n".join("" if i in cut else line for i, line in enumerate(lines)).strip("\n")
    wrapped, more = _wrapped(application, application.attribute)
    text = "\n\n\n".join(part for part in (kept, wrapped) if part)
    return Section(f"\n{text}" if _BLOCK.match(text) else text, (*imports, *more))


def _check_names(node: ast.Import | ast.ImportFrom, taken: Collection[str]) -> None:
    """Raise NameTakenError for what ``node`` imports under a name of the file's own."""
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        same = f"import {name}" if isinstance(node, ast.Import) else ""
        if isinstance(node, ast.ImportFrom):
            same = f"from {node.module} import {alias.name}"
        if name in taken or (name in NAMED and (alias.asname or same != NAMED[name])):
            raise NameTakenError(name)


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.Assign(targets=targets):
            return [target.id for target in targets if isinstance(target, ast.Name)]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
    return []
