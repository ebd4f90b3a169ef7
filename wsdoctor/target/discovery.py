"""Finding the app when no target was given, as Litestar's own commands do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wsdoctor.private.litestar import autodiscovery_paths
from wsdoctor.target.address import Address
from wsdoctor.target.attribute import FACTORY, candidates, usual_attribute
from wsdoctor.target.errors import TargetError
from wsdoctor.target.modules import Imported, import_place
from wsdoctor.target.paths import absolute

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

VARIABLE = "LITESTAR_APP"
_FILE_NAMES = ("app", "application")


def discover(app_dir: str | None) -> tuple[Address, Imported]:
    """The first app, or factory of one, in the places where Litestar looks for it.

    Those are ``app`` and ``application`` in the folder, as modules or packages, and the modules in
    such a package. ``LITESTAR_APP`` is not looked at.

    Raises:
        TargetError: there is none.
        TargetImportError: a module that was looked into raised.
    """
    folder = absolute(app_dir or "")
    for path in _places(folder) if folder.is_dir() else ():
        place = Address(_dotted(path.relative_to(folder)), is_file=False)
        imported = import_place(place, app_dir)
        found = sorted(candidates(imported.module), key=_rank)
        apps = (name for name, rank in found if rank <= FACTORY)
        name = usual_attribute(imported.module) or next(apps, None)
        if name:
            return Address(place.place, is_file=False, attribute=name), imported
    raise TargetError(
        f"there is no app in {folder}: give one as module:attribute or file.py:attribute, "
        f"or set {VARIABLE}"
    )


def _rank(candidate: tuple[str, int]) -> int:
    return candidate[1]


def _places(folder: Path) -> Iterable[Path]:
    """The modules in which Litestar looks."""
    known = autodiscovery_paths(folder)
    return _usual_places(folder) if known is None else known


def _usual_places(folder: Path) -> list[Path]:
    places: list[Path] = []
    for name in _FILE_NAMES:
        path = folder / name
        if path.is_dir() or path.with_suffix(".py").is_file():
            places.append(path)
        places += (file for file in sorted(path.glob("*.py")) if file.name[0] not in "._")
    return places


def _dotted(path: Path) -> str:
    return ".".join(path.with_suffix("").parts)
