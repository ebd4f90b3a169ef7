"""Files of a log, which another machine wrote, below the working directory of this one."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from functools import cached_property
from pathlib import Path

from wsdoctor.triage.classify import is_library
from wsdoctor.triage.traceback import Frame

MOST_APPLICATIONS = 5_000
"""Source files that are read in search of an application. Where there are more, the handler's file is the
target."""
MOST_FOLDERS = 10_000
"""Folders below the working directory that are looked into. With more of them, no file is found: what
was not seen may be the one that is meant."""

_NOT_SOURCE = frozenset({"node_modules", "site-packages", "dist-packages", "__pycache__"})
_PARTS = re.compile(r"[/\\]+(?:\.[/\\]+)*")
_NO_APPLICATION = re.compile(r"(?:tests?|docs?|examples?|conftest\.py|test_.*|.*_test\.py)$")
_APPLICATION = re.compile(
    r"^(?P<name>[A-Za-z_]\w*)\s*(?::[^=\n]+)?=\s*(?:\w+\.)*"
    r"(?:FastAPI|Litestar|Starlette|Quart|ProtocolTypeRouter)\(",
    re.MULTILINE,
)


class WorkingDirectory:
    """The source files below ``folder``; None for none at all.

    A file of a log is the one whose path ends like the log's, with the longest common part:
    ``/app/src/shop/ws.py`` is ``src/shop/ws.py`` before it is ``shop/ws.py``. If several files have the same
    part, the only one with the function in it wins. The name of the file alone is not enough: then
    the function must be in it.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._found: dict[tuple[str, str], tuple[str, ...]] = {}

    def places(self, frame: Frame) -> tuple[str, ...]:
        """The paths that ``frame.file`` may be here, relative to the folder; several are ambiguous."""
        key = (frame.file, frame.function)
        if key not in self._found:
            self._found[key] = self._places(frame)
        return self._found[key]

    def is_users(self, frame: Frame) -> bool:
        """Whether ``frame`` is in the user's code, which may be installed where the log was written."""
        if not is_library(frame):
            return True
        return self._installed(frame)

    def application(self, place: str) -> str:
        """The target to check for the handler in ``place``: its own file, or the application's.

        That is the only one below the folder, or the only one that imports the module. ``place`` may be
        empty, and is returned where there is no application, or more than one.
        """
        apps = self._applications
        if place in apps:
            return f"{place}:{apps[place]}"
        name = re.escape(Path(place).stem)
        module = re.compile(rf"^\s*(?:from|import)\b.*\b{name}\b", re.MULTILINE)
        importing = [app for app in apps if place and module.search(self._text(app))]
        for found in (importing, [*apps]):
            if len(found) == 1:
                return f"{found[0]}:{apps[found[0]]}"
        return place

    def mentions(self, place: str, path: str) -> bool:
        """Whether the file ``place`` has a part of the route ``path`` in it."""
        text = self._text(place)
        return any(part in text for part in path.split("/") if part)

    def _places(self, frame: Frame) -> tuple[str, ...]:
        if self._folder is None or not frame.file or frame.file.startswith("<"):
            return ()
        if (same := self._below(frame.file)) is not None:
            return (same,)
        if not self.is_users(frame):
            return ()
        parts = _parts(frame.file)
        found = self._longest(parts)
        with_function = [place for place in found if self._defines(place, frame.function)]
        if len(found) > 1 and len(with_function) == 1:
            return tuple(with_function)
        if len(parts) > 1 and self._common(parts, found) == 1:
            return tuple(with_function)
        return tuple(found)

    def _below(self, file: str) -> str | None:
        """``file`` as seen from here, if this machine has it, below the folder or not."""
        assert self._folder is not None
        path = Path(file)
        if not path.is_absolute() or not path.is_file():
            return None
        return str(path.relative_to(self._folder)) if path.is_relative_to(self._folder) else file

    def _longest(self, parts: list[str]) -> list[str]:
        """The files here whose paths have the longest end in common with ``parts``."""
        there = self._files.get(parts[-1], [])
        most = max((_in_common(parts, _parts(place)) for place in there), default=0)
        return [place for place in there if _in_common(parts, _parts(place)) == most]

    @staticmethod
    def _common(parts: list[str], found: list[str]) -> int:
        return _in_common(parts, _parts(found[0])) if found else 0

    def _installed(self, frame: Frame) -> bool:
        """Whether a module of an installed package is one of those here."""
        _, installed, module = frame.file.replace("\\", "/").rpartition("-packages/")
        if not installed or self._folder is None:
            return False
        parts = _parts(module)
        return len(parts) > 1 and any(
            _in_common(parts, _parts(place)) == len(parts)
            for place in self._files.get(parts[-1], [])
        )

    def _defines(self, place: str, function: str) -> bool:
        """Whether ``function`` is in the file ``place``; true for code that has no name."""
        if not function or function.startswith("<"):
            return True
        name = re.escape(function.rpartition(".")[2])
        return re.search(rf"\b(?:def|class)\s+{name}\b", self._text(place)) is not None

    def _text(self, place: str) -> str:
        if self._folder is None or not place:
            return ""
        try:
            return (self._folder / place).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""

    @cached_property
    def _files(self) -> dict[str, list[str]]:
        """The paths of all source files, by name."""
        found: dict[str, list[str]] = defaultdict(list)
        if self._folder is None:
            return found
        folders = 0
        for folder, below, files in os.walk(self._folder):
            folders += 1
            if folders > MOST_FOLDERS:
                return {}
            if folder != str(self._folder) and "pyvenv.cfg" in files:
                below.clear()
                continue
            below[:] = sorted(name for name in below if name[0] != "." and name not in _NOT_SOURCE)
            for name in sorted(files):
                if name.endswith(".py"):
                    place = os.path.relpath(Path(folder, name), self._folder)
                    found[name].append(place)
        return found

    @cached_property
    def _applications(self) -> dict[str, str]:
        """The files that make an application, each with its name; not those of tests and examples."""
        places = [
            place
            for files in self._files.values()
            for place in files
            if not any(map(_NO_APPLICATION.match, _parts(place)))
        ]
        if len(places) > MOST_APPLICATIONS:
            return {}
        found = ((place, _APPLICATION.search(self._text(place))) for place in places)
        return {place: match["name"] for place, match in found if match}


def _parts(path: str) -> list[str]:
    return [part for part in _PARTS.split(path) if part not in {"", "."}]


def _in_common(one: list[str], other: list[str]) -> int:
    """How many parts at the end are equal."""
    count = 0
    for left, right in zip(reversed(one), reversed(other), strict=False):
        if left != right:
            break
        count += 1
    return count
