"""Which source files are the user's code, and which belong to Python, to packages or to us."""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

from wsdoctor.target.paths import absolute

_PACKAGE = Path(__file__).parents[1]

# Folders that hold installed packages whatever Python they belong to: a second virtualenv inside
# the project, a conda or Debian Python, PEP 582. `sysconfig` knows only those of this Python.
_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages", "__pypackages__"})


class UserCode:
    """Decides whether a source file is the user's code.

    Everything is, except the standard library, installed packages, generated code (``<string>``)
    and wsdoctor itself. ``roots`` are files and folders that are the user's although they may lie
    among the installed packages: the package of the target. Where folders lie in one another, the
    innermost one decides, so a virtualenv inside a root stays a library and a root inside
    site-packages stays the user's.
    """

    __slots__ = ("_answers", "_imported", "_library", "_modules", "_packages", "_user", "roots")

    def __init__(self, roots: tuple[str, ...] = ()) -> None:
        self.roots = roots
        # The built-in variants are code under test, though they are shipped inside our package.
        # In a checkout they lie outside of it, at the top of the repository.
        self._user = _spellings((*roots, str(_PACKAGE / "_scenarios")))
        self._library = _library_folders(tuple(path for path in sys.path if path.endswith(".zip")))
        self._answers: dict[str, bool] = {}
        self._packages: dict[str, str] = {}
        self._imported: list[str] = []
        self._modules: tuple[str, ...] = ()

    def is_user(self, filename: str) -> bool:
        """Whether ``filename``, as found in a code object, is the user's code."""
        answer = self._answers.get(filename)
        if answer is None:
            answer = self._answers[filename] = self._decide(filename)
        return answer

    def package_of(self, filename: str) -> str:
        """The name by which the installed package that ``filename`` is in is imported, else ``""``."""
        answer = self._packages.get(filename)
        if answer is None:
            answer = self._packages[filename] = (
                "" if self.is_user(filename) else _package_of(filename)
            )
        return answer

    def modules(self) -> tuple[ModuleType, ...]:
        """The modules of the user's code that are imported now."""
        if self._imported != (names := list(sys.modules)):
            self._imported = names
            self._modules = tuple(
                name
                for name in names
                if isinstance(file := getattr(sys.modules.get(name), "__file__", None), str)
                and self.is_user(file)
            )
        return tuple(module for name in self._modules if (module := sys.modules.get(name)))

    def __repr__(self) -> str:
        return f"UserCode(roots={self.roots!r})"

    def _decide(self, filename: str) -> bool:
        if not filename or filename.startswith("<"):
            return False
        # A symbolic link may lead out of a library (an editable install) or into one: what the
        # file really is counts. The spelled path counts for roots, which may be links themselves.
        spelled, real = _spellings((filename,))
        for path in (spelled, real):
            if len(_innermost(path, self._user)) > len(self._innermost_library(path)):
                return True
        return not self._innermost_library(real)

    def _innermost_library(self, path: str) -> str:
        known = _innermost(path, self._library)
        holders = (str(folder) for folder in Path(path).parents if folder.name in _PACKAGE_FOLDERS)
        return max(known, next(holders, ""), key=len)


def _package_of(filename: str) -> str:
    parts = Path(filename).parts
    inside = [i for i, part in enumerate(parts[:-1]) if part in _PACKAGE_FOLDERS]
    return parts[inside[-1] + 1].removesuffix(".py") if inside else ""


@functools.cache
def _library_folders(zipped: tuple[str, ...]) -> tuple[str, ...]:
    """Where this Python has its libraries, and wsdoctor its own; some of what is ``zipped`` is one, too.

    It takes milliseconds, and a target is imported anew for many of its cases.
    """
    names = ("stdlib", "platstdlib", "purelib", "platlib", "scripts")
    folders = [path for name in names if (path := sysconfig.get_path(name))]
    folders.append(str(Path(os.__file__).parent))
    # Embedded Pythons have a `site` without these, and a zipped standard library.
    folders += getattr(site, "getsitepackages", list)()
    folders.append(getattr(site, "getusersitepackages", str)())
    folders += [path for path in zipped if "python" in path.lower()]
    # On Windows `site.getsitepackages()` begins with the prefix itself. A project may live in it
    # (a virtualenv in the project's own folder), so only what lies deeper is a library.
    prefixes = set(_spellings((sys.prefix, sys.base_prefix, sys.exec_prefix)))
    found = [folder for folder in folders if folder and not prefixes & set(_spellings((folder,)))]
    return _spellings((*found, str(_PACKAGE)))


def _spellings(paths: tuple[str, ...]) -> tuple[str, ...]:
    """Each path as it is spelled, absolute, then as it really is; both fit to be compared."""
    spelled = [os.path.normcase(absolute(path)) for path in paths]
    real = [os.path.normcase(os.path.realpath(path)) for path in paths]
    return (*spelled, *real)


def _innermost(path: str, folders: tuple[str, ...]) -> str:
    """The longest of ``folders`` that is ``path`` or lies above it, "" if none does."""
    above = (f for f in folders if path == f or path.startswith(f.rstrip(os.sep) + os.sep))
    return max(above, key=len, default="")
