"""A baseline: the findings that were there when it was written. Only what is new fails a build.

Findings are recognised by their fingerprint, which has no line numbers in it: edits elsewhere keep it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from wsdoctor.diagnosis.finding import Finding


class BaselineError(ValueError):
    """The file cannot be used: one sentence with its name and what to do."""


class Entry(Struct, frozen=True, kw_only=True):
    """One finding. Only ``fingerprint`` counts; the rest tells a reader what it is."""

    fingerprint: str
    code: str
    route: str
    file: str = ""
    function: str = ""
    message: str = ""


class Baseline(Struct, frozen=True, kw_only=True):
    """What the file holds."""

    wsdoctor_baseline: Literal[1] = 1
    findings: tuple[Entry, ...] = ()

    @property
    def counts(self) -> Counter[str]:
        """How often each fingerprint is in it: a second defect of the same kind is a new one."""
        return Counter(entry.fingerprint for entry in self.findings)


def read_baseline(path: Path) -> Baseline:
    """The Baseline in the file at ``path``. Raises BaselineError."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise BaselineError(
            f"--baseline cannot read {str(path)!r}: there is no such file; "
            "--baseline-update writes one"
        ) from None
    except OSError as error:
        raise BaselineError(
            f"--baseline cannot read {str(path)!r}: {error.strerror or error}"
        ) from None
    try:
        return msgspec.json.decode(data, type=Baseline)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BaselineError(
            f"--baseline {str(path)!r} is no baseline of this version of wsdoctor: {error}; "
            "--baseline-update writes a new one"
        ) from None


def written_baseline(
    path: Path, findings: Iterable[Finding], kept: Iterable[Entry] = ()
) -> Baseline:
    """The Baseline of ``findings``, and of the entries ``kept`` of the one before, as it was written.

    In a stable order, one line for each value: a diff of it can be read. Raises BaselineError.
    """
    entries = [
        *kept,
        *(
            Entry(
                fingerprint=finding.fingerprint,
                code=finding.code,
                route=finding.route,
                file=finding.location.file if finding.location else "",
                function=finding.location.function if finding.location else "",
                message=finding.message,
            )
            for finding in findings
        ),
    ]
    entries.sort(key=lambda entry: (entry.file, entry.route, entry.code, entry.fingerprint))
    baseline = Baseline(findings=tuple(entries))
    data = msgspec.json.format(msgspec.json.encode(baseline), indent=2)
    try:
        path.write_bytes(data + b"\n")
    except OSError as error:
        raise BaselineError(
            f"--baseline cannot write {str(path)!r}: {error.strerror or error}"
        ) from None
    return baseline
