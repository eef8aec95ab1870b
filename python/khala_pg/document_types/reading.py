"""Reads a JSON Schema of the kind that khala.set_topic_schema allows."""

from collections.abc import Mapping, Sequence
from typing import Any

from khala_pg.document_types.model import (
    ROOT,
    Anything,
    Array,
    Document,
    Literal,
    Member,
    Nothing,
    Object,
    Primitive,
    Reference,
    Type,
    both,
    union,
)

_KINDS = ("object", "array", "string", "number", "integer", "boolean", "null")


def read_document(topic: str, schema: Mapping[str, Any]) -> Document:
    """The type of a topic's payloads."""
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    return Document(
        topic,
        str(schema.get("title", "")),
        str(schema.get("description", "")),
        # A payload is an object, whatever else the schema allows.
        _read({"type": "object", **schema}),
        {name: _read(each) for name, each in definitions.items()},
    )


def _read(schema: Any) -> Type:
    if isinstance(schema, bool):
        return Anything() if schema else Nothing()
    found = _by_kind(schema)
    if "const" in schema:
        found = both(found, _value(schema["const"]))
    if "enum" in schema:
        found = both(found, union([_value(each) for each in schema["enum"]]))
    if "$ref" in schema:
        _, _, name = str(schema["$ref"]).rpartition("/")
        found = both(found, Reference(ROOT if schema["$ref"] == "#" else name))
    for part in schema.get("allOf", ()):
        found = both(found, _read(part))
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            found = both(found, union([_read(part) for part in schema[keyword]]))
    return found


def _by_kind(schema: Mapping[str, Any]) -> Type:
    """The type by the keywords that say something of one kind of value each.

    Keywords of objects alone do not make an object. But without `type`, a schema that has them, or
    `items`, was meant to be one of an object, or an array.
    """
    given = schema.get("type")
    kinds: Sequence[str]
    if isinstance(given, str):
        kinds = (given,)
    elif given is not None:
        kinds = given
    elif any(k in schema for k in ("properties", "required", "additionalProperties")):
        kinds = ("object",)
    elif "items" in schema:
        kinds = ("array",)
    else:
        return Anything()
    return union([_of_kind(kind, schema) for kind in _KINDS if kind in kinds])


def _of_kind(kind: str, schema: Mapping[str, Any]) -> Type:
    if kind == "array":
        return Array(_read(schema.get("items", True)))
    if kind != "object":
        return Primitive(kind)
    others = _read(schema.get("additionalProperties", True))
    required = schema.get("required", ())
    members = {
        name: Member(_read(each), name in required, _description(each))
        for name, each in schema.get("properties", {}).items()
    }
    for name in required:
        members.setdefault(name, Member(others, True))
    return Object(members, None if isinstance(others, Nothing) else others)


def _description(schema: Any) -> str:
    return "" if isinstance(schema, bool) else str(schema.get("description", ""))


def _value(value: Any) -> Type:
    if value is None:
        return Primitive("null")
    if isinstance(value, str):
        return Literal("string", value)
    if isinstance(value, bool):
        return Literal("boolean", value)
    if isinstance(value, int):
        return Literal("integer", value)
    if isinstance(value, float):
        return Primitive("number")
    return Array(Anything()) if isinstance(value, list) else Object({}, Anything())
