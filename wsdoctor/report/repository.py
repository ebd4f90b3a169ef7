"""Files as GitHub and GitLab know them: by their path from the root of the repository.

A Report has them from the working directory, which in CI is often a folder of the repository. GitHub
links an annotation, and GitLab an issue, only to a path from the root, with ``/``.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from wsdoctor.diagnosis.finding import Finding
from wsdoctor.report.model import Report
from wsdoctor.report.wording import target_file


def place_of_finding(report: Report, finding: Finding) -> tuple[str, int]:
    """The file, from the root, and the line at which to show ``finding``.

    Without a line of the user's, it is the head of the route's handler, or else the first line of the
    target.
    """
    where = finding.location or finding.handler
    return (from_root(where.file), where.line) if where else (from_root(target_file(report)), 1)


def from_root(file: str) -> str:
    """``file`` of a Report from the root of the repository; absolute if it is not below that.

    The root is the nearest folder above the working directory with a ``.git``, or itself.
    """
    here = Path.cwd()
    path = here / file
    root = _root(here)
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


@cache
def _root(here: Path) -> Path:
    return next((folder for folder in (here, *here.parents) if (folder / ".git").exists()), here)
