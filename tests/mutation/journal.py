"""The verdicts of a campaign in a file, so that one that was interrupted goes on where it was."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from tests.mutation.campaign import Mutant, Verdict


class Journal:
    """The verdicts in ``path``, by mutant: if the twin has changed since, they count no more.

    Nothing is kept without a ``path``.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._writing = threading.Lock()
        self._entries: dict[str, dict[str, Any]] = {}
        if path is not None and path.is_file():
            for line in path.read_bytes().splitlines():
                entry = msgspec.json.decode(line)
                self._entries[entry.pop("key")] = entry

    def split(self, mutants: Iterable[Mutant]) -> tuple[list[Verdict], list[Mutant]]:
        """The verdicts that are known, and the mutants that have none."""
        known, new = [], []
        for mutant in mutants:
            entry = self._entries.get(_key(mutant))
            if entry is None:
                new.append(mutant)
            else:
                known.append(Verdict(mutant, **(entry | {"codes": tuple(entry["codes"])})))
        return known, new

    def add(self, verdict: Verdict) -> None:
        if self._path is None:
            return
        entry = {
            "key": _key(verdict.mutant),
            "outcome": verdict.outcome,
            "codes": verdict.codes,
            "where": verdict.where,
            "facts": verdict.facts,
            "failed": verdict.failed,
        }
        with self._writing, self._path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")


def _key(mutant: Mutant) -> str:
    digest = hashlib.sha256(mutant.twin.text.encode()).hexdigest()[:16]
    return f"{mutant.id} {digest}"
