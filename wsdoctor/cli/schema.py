"""``wsdoctor schema``: the contracts of the JSON report and of the settings file."""

from __future__ import annotations

from wsdoctor.cli.parameters import with_options
from wsdoctor.options.commands import SchemaOptions


@with_options("schema")
def schema(chosen: SchemaOptions) -> None:
    """Print the JSON Schema of the JSON report."""
    import json

    from wsdoctor.report.schema import schema as report_schema
    from wsdoctor.settings.schema import schema as settings_schema

    print(json.dumps(settings_schema() if chosen.settings else report_schema(), indent=2))
