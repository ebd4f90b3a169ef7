"""Whether two versions of wsdoctor say the same: ``python -m tests.compare OLD_WSDOCTOR [NEW_WSDOCTOR]``.

It runs both commands over the built-in variants and twenty applications of the zoo, and compares their JSON reports: codes,
severities, lines, fingerprints, the counts of each finding, and the id, verdict and codes of each case. Texts and durations
may differ. It takes about ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.zoo.zoo import APPS

_NEW = Path(sys.executable).with_name("wsdoctor")
_KINDS = ("--disconnect", "close", "--disconnect", "abort", "--ws", "uvicorn:websockets")
_ZOO = (
    *("fastapi_app", "fastapi_cleanup", "fastapi_deaths", "fastapi_live", "fastapi_locks"),
    *(
        "fastapi_presence",
        "litestar_class",
        "litestar_cleanup",
        "litestar_leaks",
        "litestar_listener",
    ),
    *(
        "litestar_relay",
        "litestar_rooms",
        "litestar_stream",
        "starlette_cleanup",
        "starlette_crowd",
    ),
    *(
        "starlette_endpoint",
        "starlette_flow",
        "starlette_leaks",
        "starlette_registry",
        "starlette_shared",
    ),
)


def commands() -> Iterator[tuple[str, ...]]:
    """The command lines to compare, without the program."""
    yield ("run", "--all")
    yield ("run", "--all", "--sweep", *_KINDS)
    for name in _ZOO:
        yield ("check", f"{name}.py:app", "--confirm", "none", *_KINDS)


def facts(report: dict[str, Any]) -> set[str]:
    """All that has to stay the same in one report, a line for each fact."""
    found = {f"verdict {report['verdict']}"}
    for finding in report["findings"]:
        where = finding.get("location") or {}
        known = {
            "line": where.get("line"),
            **{
                key: finding.get(key)
                for key in (
                    "code",
                    "severity",
                    "fault",
                    "route",
                    "fingerprint",
                    "moments",
                    "replay",
                )
            },
        }
        found.add(f"finding {json.dumps(known, sort_keys=True)}")
    for case in report["cases"]:
        found.add(f"case {case['id']}: {case['verdict']} {' '.join(case['codes'])}")
    return found


def reported(program: Path, arguments: tuple[str, ...]) -> set[str]:
    """The facts in what ``program`` reports. Raises SystemExit if it reports nothing."""
    done = subprocess.run(
        [program, *arguments, "--format", "json"],
        cwd=APPS,
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        raise SystemExit(f"{program} {' '.join(arguments)}: {done.stderr}") from None
    reports = report.get("reports", [report])
    return {f"{one['target']['spec']} {fact}" for one in reports for fact in facts(one)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.compare", description=__doc__)
    parser.add_argument("old", type=Path, help="the command of another environment")
    parser.add_argument("new", type=Path, nargs="?", default=_NEW)
    options = parser.parse_args()
    differing = 0
    for arguments in commands():
        old, new = reported(options.old, arguments), reported(options.new, arguments)
        print(
            f"{len(old & new):5} the same, {len(old ^ new):3} differ: {' '.join(arguments)}",
            flush=True,
        )
        differing += len(old ^ new)
        for mark, those in (("-", old - new), ("+", new - old)):
            for fact in sorted(those):
                print(f"      {mark} {fact}", flush=True)
    raise SystemExit(differing > 0)


if __name__ == "__main__":
    main()
