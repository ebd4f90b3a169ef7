"""``wsdoctor schema``: the contract of the JSON report."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of the JSON report."""
    import json

    from wsdoctor.report.schema import schema as report_schema

    print(json.dumps(report_schema(), indent=2))
