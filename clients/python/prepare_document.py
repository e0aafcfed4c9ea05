"""Writes the OpenAPI document as the Python client needs it, from docs/openapi.json to the standard output.

Left out is what the hand-written part of the client does for every call: it raises refusals as exceptions and returns no body for
304, so that a function returns the type of its success alone; and it sends `Storage-Position`. Free documents become `Any`, which
the generator leaves as they are: dictionaries, lists, texts and numbers. Without defaults, an absent field stays absent. Examples
would make half of the docstrings. A part of a row is no row, and has no type here: `fields`.
"""

import json
import sys
from typing import Any

PARAMETERS_LEFT_OUT = {"Storage-Position", "X-Request-Id", "fields"}
LEFT_OUT = {"default", "example", "examples"}


def is_free(schema: dict[str, Any]) -> bool:
    """Whether any object is valid, or also `null`."""
    return schema.get("additionalProperties") is True and "properties" not in schema


def prepare(value: Any) -> Any:
    if isinstance(value, list):
        return [prepare(item) for item in value]
    if not isinstance(value, dict):
        return value
    if is_free(value):
        return {"description": value["description"]} if "description" in value else {}
    members = {name: prepare(member) for name, member in value.items() if name not in LEFT_OUT}
    if isinstance(value.get("properties"), dict):
        # These names are those of fields.
        members["properties"] = {name: prepare(schema) for name, schema in value["properties"].items()}
    return members


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        document = prepare(json.load(file))
    for path in document["paths"].values():
        for operation in path.values():
            parameters = operation["parameters"]
            operation["parameters"] = [item for item in parameters if item["name"] not in PARAMETERS_LEFT_OUT]
            responses = operation["responses"]
            operation["responses"] = {status: responses[status] for status in responses if status.startswith("2")}
    json.dump(document, sys.stdout)


main()
