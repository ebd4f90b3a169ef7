"""The formats that a report can be written in: their names cost nothing to know."""

from __future__ import annotations

FORMATS = {
    "json": "the whole report, for programs (wsdoctor schema)",
    "text": "what standard output shows",
    "html": "one file to send to a colleague: source, remedy, timelines",
    "markdown": "a summary for a merge request or a wiki",
    "junit": "one test case for each route, server and kind of disconnect",
    "sarif": "SARIF 2.1.0, e.g. for GitHub code scanning",
    "github": "annotations on your lines, as GitHub Actions reads them",
    "gitlab": "GitLab's code quality",
    "ndjson": "a line for each case as soon as it ran: every single moment of a sweep",
}
"""What each is for, by name."""
