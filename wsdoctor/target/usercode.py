"""Which source files are the user's code, and which belong to Python, to packages or to us."""

from __future__ import annotations

import functools
import os
import site
import sys
import sysconfig
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from wsdoctor.target.distributions import installed_in
from wsdoctor.target.generated import is_generated, is_typed, is_users
from wsdoctor.target.paths import absolute

_PACKAGE = Path(__file__).parents[1]

# Folders that hold installed packages whatever Python they belong to: a second virtualenv inside
# the project, a conda or Debian Python, PEP 582. `sysconfig` knows only those of this Python.
_PACKAGE_FOLDERS = frozenset({"site-packages", "dist-packages", "__pypackages__"})


class UserCode:
    """Decides whether a source file is the user's code.

    Every file is, except the standard library, installed packages and wsdoctor itself. The folder of a
    package, or the metadata of its distribution, shows that it is installed. ``roots`` are files and
    folders that are the user's even among the installed packages: the package of the target. If folders
    are nested, the innermost one decides. So a virtualenv inside a root stays a library, and a root inside
    site-packages stays the user's.
    """

    __slots__ = (
        "_answers",
        "_generated",
        "_imported",
        "_library",
        "_modules",
        "_packages",
        "_user",
        "roots",
    )

    def __init__(self, roots: tuple[str, ...] = ()) -> None:
        self.roots = roots
        # The built-in variants are code under test, though they are shipped inside our package.
        # In a checkout they lie outside of it, at the top of the repository.
        self._user = _spellings((*roots, str(_PACKAGE / "_scenarios")))
        self._library = _library_folders(tuple(path for path in sys.path if path.endswith(".zip")))
        self._answers: dict[str, bool] = {}
        # By id(), for a code object's hash is that of all that it consists of; and so they are kept.
        self._generated: dict[int, tuple[CodeType, bool]] = {}
        self._packages: dict[str, str] = {}
        self._imported = (0, "")
        self._modules: tuple[str, ...] = ()

    def is_user(self, filename: str) -> bool:
        """Whether ``filename``, as found in a code object, is the user's code."""
        answer = self._answers.get(filename)
        if answer is None:
            if is_generated(filename):  # of code under such a name, each has its own answer
                return is_typed(filename)
            answer = self._answers[filename] = self._decide(filename)
        return answer

    def is_user_code(self, code: CodeType, namespace: dict[str, Any] | None = None) -> bool:
        """Whether ``code`` is the user's, be it from a file or made by ``exec``.

        ``namespace`` is the one that it runs in: without it, it takes milliseconds to find that of
        code which is made by ``exec``.
        """
        answer = self._answers.get(code.co_filename)
        if answer is not None:
            return answer
        if not is_generated(code.co_filename):
            return self.is_user(code.co_filename)
        found = self._generated.get(id(code))
        if found is None:
            users = is_typed(code.co_filename) or is_users(code, namespace, self.is_user)
            found = self._generated[id(code)] = (code, users)
        return found[1]

    def is_user_frame(self, frame: FrameType) -> bool:
        """Whether ``frame`` runs the user's code."""
        answer = self._answers.get(frame.f_code.co_filename)
        return self.is_user_code(frame.f_code, frame.f_globals) if answer is None else answer

    def package_of(self, filename: str) -> str:
        """The name by which the installed package that ``filename`` is in is imported, else ``""``."""
        answer = self._packages.get(filename)
        if answer is None:
            answer = self._packages[filename] = (
                "" if is_generated(filename) or self.is_user(filename) else _package_of(filename)
            )
        return answer

    def modules(self) -> tuple[ModuleType, ...]:
        """The modules of the user's code that are imported now."""
        # Newly imported modules come last. To compare all names would touch a thousand strings, each on
        # a page that a forked process then has to copy.
        imported = (len(sys.modules), next(reversed(sys.modules), ""))
        if self._imported != imported:
            self._imported = imported
            self._modules = tuple(
                name
                for name in list(sys.modules)
                if isinstance(file := getattr(sys.modules.get(name), "__file__", None), str)
                and self.is_user(file)
            )
        return tuple(module for name in self._modules if (module := sys.modules.get(name)))

    def __repr__(self) -> str:
        return f"UserCode(roots={self.roots!r})"

    def _decide(self, filename: str) -> bool:
        # A symbolic link may lead out of a library (an editable install) or into one: what the
        # file really is counts. The spelled path counts for roots, which may be links themselves.
        spelled, real = _spellings_of_file(filename)
        library = ""
        for path in dict.fromkeys((spelled, real)):
            library = self._innermost_library(path)
            if len(_innermost(path, self._user)) > len(library):
                return True
        return not library

    def _innermost_library(self, path: str) -> str:
        known = _innermost(path, self._library)
        return max(known, _package_folder(os.path.dirname(path)), key=len) or _listed_in(path)  # noqa: PTH120 - a hot path


@functools.lru_cache(maxsize=4096)
def _package_folder(folder: str) -> str:
    """``folder``, or the innermost one above it, whose name says that packages are installed in it."""
    above, name = os.path.split(folder)
    if name in _PACKAGE_FOLDERS:
        return folder
    return _package_folder(above) if above != folder else ""


def _listed_in(path: str) -> str:
    """The folder, or zip file, above ``path`` in which a distribution lists it as installed."""
    return next((str(up) for up in Path(path).parents if installed_in(up, path)), "")


@functools.lru_cache(maxsize=4096)
def _package_of(filename: str) -> str:
    for path in _spellings_of_file(filename):
        if folder := _package_folder(os.path.dirname(path)) or _listed_in(path):  # noqa: PTH120 - a hot path
            within = path.removeprefix(folder).lstrip(os.sep)
            return within.partition(os.sep)[0].removesuffix(".py")
    return ""


@functools.cache
def _library_folders(zipped: tuple[str, ...]) -> tuple[str, ...]:
    """Where this Python has its libraries, and wsdoctor its own; some of what is ``zipped`` is one, too.

    It takes milliseconds.
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


def _spellings_of_file(filename: str) -> tuple[str, str]:
    """As ``_spellings``, but of one file: an application imports a thousand of them from a few folders."""
    spelled = os.path.abspath(filename)  # noqa: PTH100 - a hot path, and links are kept
    if os.pardir in filename or os.path.islink(spelled):  # noqa: PTH114 - as above
        real = os.path.realpath(filename)
    else:
        folder, name = os.path.split(spelled)
        real = os.path.join(_real_folder(folder), name)  # noqa: PTH118 - as above
    return os.path.normcase(spelled), os.path.normcase(real)


@functools.lru_cache(maxsize=4096)
def _real_folder(folder: str) -> str:
    return os.path.realpath(folder)


def _innermost(path: str, folders: tuple[str, ...]) -> str:
    """The longest of ``folders`` that is ``path`` or lies above it, "" if none does."""
    return path if path in folders else _innermost_above(os.path.dirname(path), folders)  # noqa: PTH120 - a hot path


@functools.lru_cache(maxsize=4096)
def _innermost_above(folder: str, folders: tuple[str, ...]) -> str:
    """As ``_innermost``, of all files in one ``folder``: an application imports a thousand from a few."""
    within = folder.rstrip(os.sep) + os.sep
    above = (f for f in folders if within.startswith(f.rstrip(os.sep) + os.sep))
    return max(above, key=len, default="")
