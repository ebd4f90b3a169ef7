"""The catalogue of the built-in variants.

Reading it imports none of them: what a variant declares of itself is read from its source.
(``wsdoctor list`` must not pay for Litestar.)
"""

from __future__ import annotations

import ast
import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "_scenarios", _PACKAGE.parent / "scenarios")
"""In a wheel they are inside the package; in a checkout at its top."""


_DECLARATIONS = frozenset({"SHOWS", "SHOWS_IN_SWEEP", "FIXED_TWIN"})


class UnknownVariantError(LookupError):
    """There is no such variant: one sentence with the nearest name and the list."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A built-in handler. ``shows`` are the findings it declares, none for a correct one.

    ``shows_in_sweep`` are those that no named moment shows, only a sweep.
    """

    name: str
    title: str
    story: str
    shows: tuple[str, ...]
    shows_in_sweep: tuple[str, ...]
    fixed_twin: str | None
    path: Path


@cache
def catalogue() -> tuple[Variant, ...]:
    """Every variant, in alphabetical order."""
    folder = next((folder for folder in _FOLDERS if folder.is_dir()), None)
    paths = sorted(folder.glob("*.py")) if folder else []
    return tuple(_read(path) for path in paths if not path.name.startswith("_"))


def find_variant(name: str) -> Variant:
    """The variant called ``name``. Raises UnknownVariantError."""
    by_name = {variant.name: variant for variant in catalogue()}
    wanted = name.strip().replace("_", "-").lower()
    if wanted not in by_name:
        close = difflib.get_close_matches(wanted, by_name, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        msg = f"unknown variant {name!r}: {hint}known are {', '.join(by_name)}"
        raise UnknownVariantError(msg)
    return by_name[wanted]


def _read(path: Path) -> Variant:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    title, _, story = (ast.get_docstring(tree) or "").partition("\n")
    declared = {
        target.id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in _DECLARATIONS
    }
    return Variant(
        name=path.stem.replace("_", "-"),
        title=title.strip(),
        story=story.strip(),
        shows=tuple(declared.get("SHOWS", ())),
        shows_in_sweep=tuple(declared.get("SHOWS_IN_SWEEP", ())),
        fixed_twin=declared.get("FIXED_TWIN"),
        path=path,
    )
