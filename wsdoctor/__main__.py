"""The command ``wsdoctor``, also as ``python -m wsdoctor``."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    # Importing makes many objects and little garbage, and looking for it takes a tenth of a short
    # command's time. The command itself runs with the collector on (OrderedCommand.invoke).
    gc.disable()
    try:
        from wsdoctor.cli.app import main as run  # noqa: PLC0415 - Ctrl-C while typer loads

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
