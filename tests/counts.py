"""Numbers of the code base: ``python -m tests.counts``.

It prints the modules and lines of each package. It also counts the files whose functions run, in this process, while one finding is made.
"""

from __future__ import annotations

import contextlib
import io
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import wsdoctor
from wsdoctor.cli.app import main as command

PACKAGE = Path(wsdoctor.__file__).parent


def modules() -> dict[str, list[Path]]:
    """The modules of each package, the examples of rules left out."""
    found: dict[str, list[Path]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).parts
        if "examples" not in parts:
            found.setdefault(parts[0] if len(parts) > 1 else "", []).append(path)
    return found


def entered() -> Counter[str]:
    """The files in which a function runs for ``wsdoctor run --variant naive``, by package."""
    files: set[str] = set()

    def called(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name != "<module>":
            files.add(frame.f_code.co_filename)

    sys.setprofile(called)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
            sys.argv = ["wsdoctor", "run", "--variant", "naive"]
            command()
    finally:
        sys.setprofile(None)
    inside = (Path(file).relative_to(PACKAGE) for file in files if file.startswith(f"{PACKAGE}/"))
    return Counter(path.parts[0] if len(path.parts) > 1 else "" for path in inside)


def main() -> None:
    followed = entered()
    print(f"{'package':16} {'modules':>8} {'lines':>8} {'entered for a finding':>22}")
    total = [0, 0, 0]
    for package, paths in modules().items():
        lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths)
        numbers = len(paths), lines, followed[package]
        total = [one + more for one, more in zip(total, numbers, strict=True)]
        print(f"{package or '(top)':16} {numbers[0]:8,} {numbers[1]:8,} {numbers[2]:22,}")
    print(f"{'all':16} {total[0]:8,} {total[1]:8,} {total[2]:22,}")


if __name__ == "__main__":
    main()
