"""The JSON Schema of the JSON report, made from the types that are encoded."""

from __future__ import annotations

from inspect import cleandoc
from typing import Any

import msgspec

from wsdoctor.report.model import SCHEMA_VERSION, Report, ReportSet


def schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) that every JSON report fulfils.

    Within 1.x there are only additions, so it does not forbid properties that it does not know.
    """
    (report, report_set), components = msgspec.json.schema_components(
        (Report, ReportSet), ref_template="#/$defs/{name}"
    )
    for component in components.values():
        if "description" in component:
            component["description"] = cleandoc(component["description"])
    for name in ("Report", "ReportSet"):
        components[name]["properties"]["schema_version"]["pattern"] = r"^1\.\d+$"
        components[name]["required"].insert(0, "schema_version")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:wsdoctor:report:{SCHEMA_VERSION}",
        "title": f"wsdoctor report {SCHEMA_VERSION}",
        "description": (
            "A Report, or, where `wsdoctor run` ran more or fewer than one variant, a ReportSet."
        ),
        "schema_version": SCHEMA_VERSION,
        "anyOf": [report, report_set],
        "$defs": components,
    }
