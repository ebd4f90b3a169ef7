"""``python -m tests.downstream``: everything, in a virtual environment of its own.

It installs the packages of ``requirements.txt`` and wsdoctor into a temporary folder, checks each
package as a user would, runs the reproducers, and leaves nothing behind. Further arguments go to
pytest: ``python -m tests.downstream -k strawberry``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def main() -> int:
    """The exit code of pytest, or that of pip if something could not be installed."""
    with tempfile.TemporaryDirectory(prefix="wsdoctor-downstream-") as folder:
        venv.create(folder, with_pip=True)
        python = Path(folder) / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        wanted = ["-r", str(HERE / "requirements.txt"), "pytest>=8.3", str(ROOT)]
        installed = subprocess.run(
            [python, "-m", "pip", "install", "--quiet", *wanted], check=False
        ).returncode
        if installed:
            return installed
        arguments = ["-p", "no:cacheprovider", str(HERE), *sys.argv[1:]]
        return subprocess.run(
            [python, "-m", "pytest", *arguments], cwd=ROOT, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
