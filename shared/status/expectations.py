"""Sentences that say what a value must be, made from the JSON Schema that the OpenAPI document shows."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec


@cache
def schemas_of(record: type[msgspec.Struct]) -> Mapping[str, dict[str, Any]]:
    """The JSON Schema of each field of `record`, with references replaced by their schemas."""
    _, schemas = msgspec.json.schema_components([record])
    fields: dict[str, dict[str, Any]] = schemas[record.__name__].get("properties", {})
    return {name: _written_out(field, schemas) for name, field in fields.items()}


def expectation(name: str, record: type[msgspec.Struct]) -> str:
    """What the field `name` of `record` must be, such as `limit is a whole number from 1 to 500`."""
    match schemas_of(record)[name]:
        case {"enum": choices}:
            return f"{name} is one of {', '.join(map(str, choices))}"
        case {"type": "integer", "minimum": least, "maximum": most}:
            return f"{name} is a whole number from {least} to {most}"
        case {"format": "date-time"}:
            return f"{name} is a time with its offset, such as 2026-11-20T08:00:00Z"
        case {"minLength": least, "maxLength": most}:
            return f"{name} is a text of {least} to {most} characters"
        case schema:
            return f"{name} is a text of at most {schema['maxLength']} characters"


def _written_out(field: dict[str, Any], schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    reference = str(field.get("$ref", "")).rpartition("/")[2]
    return schemas[reference] if reference else field
