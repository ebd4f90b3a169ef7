"""The parameters in the path of a route, and a value that each of them takes."""

from __future__ import annotations

import re
import types
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping

# "{name}", "{name:kind}": Starlette's, FastAPI's and Litestar's spelling.
DECLARED = re.compile(r"\{\s*([^{}:]*?)\s*(?::\s*([^{}]*?)\s*)?\}")

EXAMPLES: Mapping[str, str] = {
    "str": "x",
    "path": "x",
    "int": "1",
    "float": "1.0",
    "decimal": "1.0",
    "bool": "true",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "date": "2024-01-01",
    "datetime": "2024-01-01T00:00:00",
    "time": "12:00:00",
    "timedelta": "PT60S",
}

_KINDS: Mapping[type, str] = {
    str: "str",
    bool: "bool",
    int: "int",
    float: "float",
    Decimal: "decimal",
    UUID: "uuid",
    datetime: "datetime",
    date: "date",
    time: "time",
    timedelta: "timedelta",
}

_PATTERNS: Mapping[str, str] = {
    "int": r"-?[0-9]+",
    "float": r"-?[0-9]+(?:\.[0-9]+)?",
    "uuid": r"[0-9a-fA-F-]{32,36}",
    "path": r".*",
}


@dataclass(frozen=True, slots=True)
class PathParameter:
    """A parameter of a path. ``example`` is the value that is sent when the user gives none."""

    name: str
    kind: str = "str"
    example: str = EXAMPLES["str"]

    @property
    def pattern(self) -> str:
        """A regular expression of the values that it takes."""
        return _PATTERNS.get(self.kind, r"[^/]+")


def declared(path: str, known: Mapping[str, PathParameter] | None = None) -> list[PathParameter]:
    """The parameters in ``path``, in their order; ``known`` has what the path does not tell."""
    return [
        (known or {}).get(name) or PathParameter(name, kind or "str", EXAMPLES.get(kind, "x"))
        for name, kind in DECLARED.findall(path)
    ]


def annotated(name: str, annotation: Any) -> PathParameter | None:
    """The parameter that a handler annotates so; None if the annotation tells nothing."""
    if get_origin(annotation) is Annotated:
        return annotated(name, get_args(annotation)[0])
    if get_origin(annotation) in {Union, types.UnionType}:
        found = (annotated(name, part) for part in get_args(annotation))
        return next((parameter for parameter in found if parameter), None)
    if get_origin(annotation) is Literal:
        return PathParameter(name, "choice", str(get_args(annotation)[0]))
    if not isinstance(annotation, type):
        return None
    if issubclass(annotation, Enum):
        first: Enum | None = next(iter(annotation), None)
        return PathParameter(name, "choice", str(first.value)) if first else None
    kind = next((_KINDS[base] for base in annotation.__mro__ if base in _KINDS), None)
    return PathParameter(name, kind, EXAMPLES[kind]) if kind else None


def matching(name: str, kind: str, regex: str) -> PathParameter:
    """A parameter of a converter of the user's own: the first example that ``regex`` takes."""
    takes = (example for example in EXAMPLES.values() if re.fullmatch(regex, example))
    return PathParameter(name, kind, next(takes, EXAMPLES["str"]))
