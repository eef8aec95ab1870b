"""JSON Schemas of the messages of openagents.lightning.v1, as the API writes them."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from khala_pg.lightning.records import wire_name

_FREE_JSON = "google.protobuf.Value"
_SCALARS: Mapping[int, Mapping[str, Any]] = {
    FieldDescriptor.TYPE_INT64: {"type": "integer", "format": "int64"},
    FieldDescriptor.TYPE_UINT32: {"type": "integer", "minimum": 0},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
}


def name_of(kind: type[Message]) -> str:
    return kind.DESCRIPTOR.name


def arguments(
    kind: type[Message],
    required: Sequence[str],
    optional: Sequence[str],
    others: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The schema of an object with some fields of a message, and others."""
    fields = {field.json_name: field for field in _fields(cast(Descriptor, kind.DESCRIPTOR))}
    own = others or {}
    names = dict.fromkeys([*required, *optional, *own])
    properties = {name: own[name] if name in own else _field(fields[name]) for name in names}
    found = {"type": "object", "properties": properties}
    return {**found, "required": list(required)} if required else found


def components(kinds: Sequence[type[Message]]) -> dict[str, Any]:
    """The schemas of messages, and of those in them, by name."""
    found: dict[str, Any] = {}
    waiting = [cast(Descriptor, kind.DESCRIPTOR) for kind in kinds]
    while waiting:
        message = waiting.pop()
        if message.name in found:
            continue
        fields = _fields(message)
        found[message.name] = {
            "type": "object",
            "properties": {field.json_name: _field(field) for field in fields},
            # What proto3 calls optional is in a oneof of its own.
            "required": [
                field.json_name
                for field in fields
                if not field.is_repeated and field.containing_oneof is None
            ],
        }
        waiting += [
            field.message_type
            for field in fields
            if field.message_type is not None and field.message_type.full_name != _FREE_JSON
        ]
    return dict(sorted(found.items()))


def _fields(message: Descriptor) -> Sequence[FieldDescriptor]:
    return message.fields


def _field(field: FieldDescriptor) -> Mapping[str, Any]:
    one = _item(field)
    return {"type": "array", "items": one} if field.is_repeated else one


def _item(field: FieldDescriptor) -> Mapping[str, Any]:
    if field.enum_type is not None:
        numbers = [value.number for value in field.enum_type.values if value.number]
        return {"enum": [wire_name(field.enum_type, number) for number in numbers]}
    if field.message_type is not None:
        if field.message_type.full_name == _FREE_JSON:
            return {}
        return {"$ref": f"#/components/schemas/{field.message_type.name}"}
    return _SCALARS[field.type]
