"""What pytest has no public name for.

``tests/private/test_pytest.py`` fails on a pytest that changed one of these names.
"""

from __future__ import annotations

from collections.abc import Sequence

from _pytest._code.code import (
    ReprEntryNative,
    ReprExceptionInfo,
    ReprFileLocation,
    ReprTraceback,
)


def native_failure(lines: Sequence[str], file: str, line: int, summary: str) -> ReprExceptionInfo:
    """A failure that pytest prints as ``lines``, each with its line break, with one line as its summary.

    It is the only form that reaches another process of pytest-xdist whole.
    """
    return ReprExceptionInfo(
        reprtraceback=ReprTraceback([ReprEntryNative(lines)], None, "native"),
        reprcrash=ReprFileLocation(file, line, summary),
    )
