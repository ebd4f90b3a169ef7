"""Reports as JSON: the public contract (``wsdoctor schema``)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from wsdoctor.report.model import Report, ReportSet


def render(reports: Sequence[Report]) -> bytes:
    """One Report as itself, several (``run`` with several variants) as a ReportSet; UTF-8."""
    document = reports[0] if len(reports) == 1 else ReportSet(reports=tuple(reports))
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
