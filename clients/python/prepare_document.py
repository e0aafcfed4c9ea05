"""Writes the OpenAPI document as the Python client needs it, from docs/openapi.json to the standard output.

Left out is what the hand-written part of the client does for every call: it raises refusals as exceptions and returns no body for
304, so that a function returns the type of its success alone; and it sends `Storage-Position`. Free documents become `Any`, which
the generator leaves as they are: dictionaries, lists, texts and numbers. Without defaults, an absent field stays absent. Examples
would make half of the docstrings. A part of a row is no row: an operation with `fields` becomes two, and the one that has
`fields`, as in `getSparseCharacter`, returns a type of its own. `CharacterField` and `InventoryItemField` are the names for it.
"""

import copy
import json
import re
import sys
from typing import Any

FIELDS = "fields"
PARAMETERS_LEFT_OUT = {"Storage-Position", "X-Request-Id"}
JSON, SPARSE_JSON = "application/json", "application/vnd.character-service.sparse+json"
SPARSE = "Sparse"
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


def without(operation: dict[str, Any], left_out: set[str]) -> None:
    operation["parameters"] = [item for item in operation["parameters"] if item["name"] not in left_out]


def split(path: dict[str, Any]) -> dict[str, Any]:
    """Takes `fields` away from the operation that reads at this path, and returns one that must have it."""
    operation = path.get("get", {})
    if not any(item["name"] == FIELDS for item in operation.get("parameters", [])):
        return {}
    sparse = copy.deepcopy(operation)
    without(operation, {FIELDS})
    sparse["operationId"] = re.sub("(?=[A-Z])", SPARSE, sparse["operationId"], count=1)
    sparse["summary"] += ", some fields alone"
    for item in sparse["parameters"]:
        if item["name"] == FIELDS:
            item |= {"required": True, "schema": {"type": "string"}}
    content = sparse["responses"]["200"]["content"]
    content[JSON] = content.pop(SPARSE_JSON)
    return {"get": sparse}


def field_names(schemas: dict[str, Any]) -> dict[str, Any]:
    """The names of the fields of each sparse row, as closed sets of words."""
    rows = [name for name in schemas if name.startswith(SPARSE) and not name.endswith("Page")]
    names = {row: sorted(schemas[row]["properties"]) for row in rows}
    return {f"{row.removeprefix(SPARSE)}Field": {"type": "string", "enum": names[row]} for row in rows}


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        document = prepare(json.load(file))
    paths, schemas = document["paths"], document["components"]["schemas"]
    schemas |= field_names(schemas)
    # The fragment makes another path of it, and is never sent.
    paths |= {f"{name}#{FIELDS}": sparse for name, path in paths.items() if (sparse := split(path))}
    for path in paths.values():
        for operation in path.values():
            without(operation, PARAMETERS_LEFT_OUT)
            responses = operation["responses"]
            operation["responses"] = {status: responses[status] for status in responses if status.startswith("2")}
    json.dump(document, sys.stdout)


main()
