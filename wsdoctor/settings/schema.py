"""The JSON Schema of the settings file, made from the declarations of the options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wsdoctor.options.forms import Routes
from wsdoctor.options.option import Option
from wsdoctor.settings.file import keys


def schema() -> dict[str, Any]:
    """A JSON Schema (2020-12) of ``wsdoctor.toml``, and of the table ``tool.wsdoctor``."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:wsdoctor:settings",
        "title": "wsdoctor settings",
        **_table(keys()),
        "$defs": {"Route": _table(keys(of_route=True))},
    }


def _table(known: Mapping[str, Option]) -> dict[str, Any]:
    properties = {
        key: {
            "description": item.about,
            **(
                _ROUTES
                if isinstance(item.form, Routes)
                else msgspec.json.schema(item.form.in_file())
            ),
        }
        for key, item in known.items()
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


_ROUTES = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Route"}}
