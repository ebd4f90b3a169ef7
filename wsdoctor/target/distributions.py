"""Which files belong to an installed distribution, by what its metadata lists.

`pip install --target`, a layer on PYTHONPATH and a zip file on ``sys.path`` have packages in a folder
of any name. But each has its ``.dist-info`` beside it, with a RECORD of the files that were installed.
A project in development has none, or none that lists its own modules.
"""

from __future__ import annotations

import csv
import functools
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def installed_in(folder: Path, path: str) -> bool:
    """Whether ``path`` was installed in ``folder`` as part of a distribution; ``folder`` may be a zip file."""
    files = _recorded(str(folder))
    return bool(files) and os.path.normcase(os.path.relpath(path, folder)) in files


@functools.lru_cache(maxsize=1024)
def _recorded(folder: str) -> frozenset[str]:
    """The files, relative to ``folder``, that the distributions in it have installed there."""
    try:
        records = _in_zip(folder) if os.path.isfile(folder) else _in_folder(folder)  # noqa: PTH113 - a hot path
        return frozenset(
            os.path.normcase(os.path.join(*PurePosixPath(row[0]).parts))  # noqa: PTH118 - as above
            for text in records
            for row in csv.reader(text.splitlines())
            if row and row[0].endswith(".py")
        )
    except (OSError, ValueError, zipfile.BadZipFile, csv.Error):
        return frozenset()  # no folder that can be read, or no RECORD: nothing is known of it


def _in_folder(folder: str) -> Iterator[str]:
    with os.scandir(folder) as entries:
        infos = [entry.path for entry in entries if entry.name.endswith(".dist-info")]
    for info in infos:
        record = Path(info, "RECORD")
        if record.is_file():
            yield record.read_text(encoding="utf-8", errors="replace")


def _in_zip(file: str) -> Iterator[str]:
    if not zipfile.is_zipfile(file):
        return
    with zipfile.ZipFile(file) as archive:
        for name in archive.namelist():
            if name.count("/") == 1 and name.endswith(".dist-info/RECORD"):
                yield archive.read(name).decode(errors="replace")
