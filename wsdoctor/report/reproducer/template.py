"""The template: Python text, parts of which are only for files that have a feature.

    %% if FEATURE OTHER      the lines up to %% else or %% end, if the file has any of them
    %% if not FEATURE        … if it has it not

Such parts may stand in each other. ``$name`` is replaced by a value, which may have many lines: each
is indented as far as the name is; without a value the line is left out.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from string import Template

_TEMPLATE = Path(__file__).with_name("template.txt")
_ALONE = re.compile(r"( *)\$(\w+)")


def fill(features: Collection[str], values: Mapping[str, str]) -> str:
    """The template's parts for ``features``, with ``values`` in it."""
    lines: list[str] = []
    shown = [True]
    for line in _TEMPLATE.read_text(encoding="utf-8").splitlines():
        if line.startswith("%% if "):
            shown.append(_holds(line.removeprefix("%% if ").split(), features))
        elif line == "%% else":
            shown[-1] = not shown[-1]
        elif line == "%% end":
            shown.pop()
        elif all(shown):
            lines.extend(_filled(line, values))
    return "\n".join(lines) + "\n"


def _holds(words: list[str], features: Collection[str]) -> bool:
    if words[0] == "not":
        return not any(word in features for word in words[1:])
    return any(word in features for word in words)


def _filled(line: str, values: Mapping[str, str]) -> list[str]:
    if alone := _ALONE.fullmatch(line):
        indent, name = alone.groups()
        return [indent + text if text else "" for text in values[name].splitlines()]
    return [Template(line).substitute(values)]
