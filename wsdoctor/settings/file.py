"""Find the settings file, read it, and say in one sentence what is wrong with it."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from wsdoctor.options.check import Options, TargetOptions
from wsdoctor.options.forms import Routes
from wsdoctor.options.option import Option, options_of
from wsdoctor.options.reporting import Reporting

OWN_FILE = "wsdoctor.toml"
PROJECT_FILE = "pyproject.toml"
_TABLE = ("tool", "wsdoctor")

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class SettingsError(ValueError):
    """The file cannot be used: one sentence with the path of the key, and what to do."""


@dataclass(frozen=True, slots=True)
class SettingsFile:
    """The settings of ``path`` (None: there is no file), and the values that came from ``${ENV}``.

    ``values`` are by the name of their option; ``routes`` have such values of their own.
    """

    values: Mapping[str, Any] = field(default_factory=dict)
    routes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    path: Path | None = None
    secrets: tuple[str, ...] = ()


@cache
def keys(*, of_route: bool = False) -> Mapping[str, Option]:
    """The options that the file may have, by key: at its top, or in the table of a route."""
    every = (item for group in (TargetOptions, Options, Reporting) for item in options_of(group))
    return {item.key: item for item in every if item.key and (item.scope != "run" or not of_route)}


def find(start: Path) -> Path | None:
    """The settings file nearest to the folder ``start``: in it, or in one above it.

    In one folder, wsdoctor.toml wins; a pyproject.toml counts if it has our table.
    """
    for folder in (start, *start.parents):
        own, project = folder / OWN_FILE, folder / PROJECT_FILE
        if own.is_file():
            return own
        if project.is_file() and _has_table(project):
            return project
    return None


def _has_table(path: Path) -> bool:
    try:
        return "wsdoctor" in tomllib.loads(path.read_text(encoding="utf-8")).get("tool", {})
    except (OSError, ValueError):
        return False  # other tools report a broken file


def read(
    path: Path, environment: Mapping[str, str] | None = None, *, reaching: bool = True
) -> SettingsFile:
    """The settings in the file at ``path``. Raises SettingsError.

    ``${NAME}`` in a text is the value of that variable in ``environment`` (default: of this process);
    it may be missing for who does not go on to reach a handler.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read {str(path)!r}: {error.strerror or error}") from None
    except ValueError as error:  # TOMLDecodeError and UnicodeDecodeError
        raise SettingsError(f"{path.name} is not valid TOML: {error}") from None
    prefix = () if path.name != PROJECT_FILE else _TABLE
    table: Any = document
    for name in prefix:
        table = table.get(name, {}) if isinstance(table, dict) else table
    place = _Place(path.name, prefix)
    if not isinstance(table, dict):
        raise SettingsError(f"{place}: a table is wanted here, not {_shown(table)}")
    secrets: list[str] = []
    variables = os.environ if environment is None else environment
    # Judged as it stands in the file: a sentence about it must not hold a variable's value.
    _values(table, keys(), place)

    def value_of(name: str, where: _Place) -> str:
        if name not in variables:
            if not reaching:
                return ""
            raise SettingsError(
                f"{where}: the environment has no variable {name!r}, which ${{{name}}} asks for"
            )
        secrets.append(variables[name])
        return variables[name]

    filled = _filled(table, place, value_of)
    values = _values(filled, keys(), place)
    routes = values.pop("routes", {})
    return SettingsFile(values, routes, path, tuple(dict.fromkeys(secrets)))


def read_nearest(named: str | None, *, reaching: bool = True) -> SettingsFile:
    """The settings in the file ``named``, or in the nearest one, or none. Raises SettingsError."""
    path = Path(named) if named else find(Path.cwd())
    return SettingsFile() if path is None else read(path, reaching=reaching)


@dataclass(frozen=True, slots=True)
class _Place:
    """A key's path, as it may be written in the file."""

    file: str
    keys: tuple[str, ...] = ()

    def below(self, *keys: str) -> _Place:
        return _Place(self.file, (*self.keys, *keys))

    @property
    def secret(self) -> bool:
        """Whether what stands there is in no sentence: values of headers, cookies and queries."""
        secret = {key for key, item in keys(of_route=True).items() if item.masked}
        return not secret.isdisjoint(self.keys)

    def __str__(self) -> str:
        return f"{self.file}: {dotted(self.keys)}" if self.keys else self.file


def dotted(keys: Iterable[str]) -> str:
    """``tool.wsdoctor.routes."/ws".headers``: quoted where TOML wants it."""
    return ".".join(key if re.fullmatch(r"[\w-]+|\[\d+\]", key) else f'"{key}"' for key in keys)


def _check_names(table: Mapping[str, Any], known: Iterable[str], place: _Place) -> None:
    for name in table:
        if name not in known:
            close = get_close_matches(name.replace("_", "-"), known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise SettingsError(f"{place.below(name)}: there is no such setting; {hint}")


def _filled(value: Any, place: _Place, value_of: Callable[[str, _Place], str]) -> Any:
    """``value`` with the ``value_of`` each ``${NAME}`` in its place."""
    if isinstance(value, dict):
        return {key: _filled(item, place.below(key), value_of) for key, item in value.items()}
    if isinstance(value, list):
        return [
            _filled(item, place.below(f"[{number}]"), value_of) for number, item in enumerate(value)
        ]
    if not isinstance(value, str):
        return value
    return _VARIABLE.sub(lambda match: value_of(match[1], place), value)


def _values(table: Mapping[str, Any], known: Mapping[str, Option], place: _Place) -> dict[str, Any]:
    """The values of the keys in ``table``, by the name of their option; a mistake has its key's path."""
    _check_names(table, [*known], place)
    return {
        item.name: _routes(table[key], place.below(key))
        if isinstance(item.form, Routes)
        else _value(table[key], item.form.in_file(), place.below(key))
        for key, item in known.items()
        if key in table
    }


def _routes(tables: Any, place: _Place) -> dict[str, dict[str, Any]]:
    for route, table in _value(tables, dict[str, Any], place).items():
        _value(table, dict[str, Any], place.below(route))
    return {
        route: _values(table, keys(of_route=True), place.below(route))
        for route, table in tables.items()
    }


def _value(value: Any, kind: Any, place: _Place) -> Any:
    if isinstance(value, dict) and get_origin(kind) is dict:
        item = get_args(kind)[1]
        return {key: _value(part, item, place.below(key)) for key, part in value.items()}
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        item = re.search(r"`\$\[(\d+)\]`$", str(error))
        if item:
            value, place = value[int(item[1])], place.below(f"[{item[1]}]")
            kind = get_args(kind)[0]
        raise SettingsError(
            f"{place}: {_wanted(kind)} is wanted here, not {_shown(value, secret=place.secret)}"
        ) from None


def _wanted(kind: Any) -> str:
    """What a value of ``kind`` is, for people."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        meta = next(item for item in kind.__metadata__ if isinstance(item, msgspec.Meta))
        bound = f"above {meta.gt:g}" if meta.gt is not None else f"from {meta.ge:g} on"
        return f"{_wanted(parts[0])} {bound}"
    if origin is Literal:
        return " or ".join(f'"{item}"' for item in parts)
    if origin in {Union, UnionType}:
        return " or ".join(_wanted(part) for part in parts if part is not type(None))
    return _KINDS[kind if isinstance(kind, type) and origin is None else origin]


_KINDS: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list",
    dict: "a table",
}


def _shown(value: object, *, secret: bool = False) -> str:
    """``value`` itself if that says most, and it is no ``secret``."""
    if secret and isinstance(value, str | int | float):
        return "a text" if isinstance(value, str) else "a number"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value}"
    if isinstance(value, str):
        return f'"{value}"' if len(value) <= _LONGEST else "a long text"
    if isinstance(value, list):
        return "a list"
    return "a table" if isinstance(value, dict) else f"a {type(value).__name__}"


_LONGEST = 40
