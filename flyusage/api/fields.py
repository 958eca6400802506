"""`fields`: answers with only what was asked for. A media type of their own keeps the whole answers' schemas strict."""

from collections.abc import Mapping
from typing import Any, get_args

from fastapi import Request
from pydantic import BaseModel

from flyusage.api.errors import RequestInvalid

SPARSE = "application/vnd.flyusage.sparse+json"
FIELDS, LIST = "fields", "data"


def names_in(model: Any) -> tuple[str, ...]:
    """What can be asked for of an answer: its fields; of a list, those of its entries. Empty for what is no model."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return ()
    entry = get_args(model.model_fields[LIST].annotation)[0] if LIST in model.model_fields else model
    return tuple(about.alias or name for name, about in entry.model_fields.items())


def parameter(names: tuple[str, ...]) -> dict[str, Any]:
    """The parameter as the document has it."""
    return {
        "name": FIELDS,
        "in": "query",
        "required": False,
        "style": "form",
        "explode": False,
        "description": f"Only these, separated by commas; of a list, of each entry. The answer is then `{SPARSE}`.",
        "schema": {"type": "array", "minItems": 1, "items": {"type": "string", "enum": list(names)}},
    }


def asked(request: Request, names: tuple[str, ...]) -> tuple[str, ...]:
    """The fields that a request names; empty where it wants all of them. Raises RequestInvalid."""
    given = request.query_params.getlist(FIELDS)
    if not given:
        return ()
    wanted = [one for text in given for one in text.split(",")]
    if unknown := [one for one in wanted if one not in names]:
        raise RequestInvalid(f"There is no field {unknown[0][:60]!r} here. There are: {', '.join(names)}.")
    return tuple(dict.fromkeys(wanted))


def left(body: Mapping[str, Any], wanted: tuple[str, ...]) -> dict[str, Any]:
    """What is left of an answer; what stands beside a list's entries stays."""
    if LIST in body:
        return {**body, LIST: [{name: one[name] for name in wanted} for one in body[LIST]]}
    return {name: body[name] for name in wanted}


def describe(document: dict[str, Any]) -> None:
    """Add the sparse form to every answer that has one."""
    schemas = document["components"]["schemas"]
    for path in document["paths"].values():
        for operation in path.values():
            if any(one["name"] == FIELDS for one in operation.get("parameters", ())):
                content = operation["responses"]["200"]["content"]
                content[SPARSE] = {"schema": _loosened(schemas, content["application/json"]["schema"])}


def _loosened(schemas: Mapping[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    """The same without anything that must be there, but for a list's own frame."""
    whole = _resolved(schemas, schema)
    entries = whole["properties"].get(LIST)
    if entries is None:
        return {"type": "object", "description": "What was asked for of it.", "properties": whole["properties"]}
    entry = _resolved(schemas, entries["items"])
    sparse = {"type": "array", "items": {"type": "object", "description": "What was asked for of it.", "properties": entry["properties"]}}
    kept = {name: whole[name] for name in ("type", "required", "description") if name in whole}
    return {**kept, "properties": {**whole["properties"], LIST: sparse}}


def _resolved(schemas: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return schemas[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
