"""Typed records of the Lightning control plane, from either form in which they travel.

The messages of openagents.lightning.v1 are the record types. A record travels as proto-JSON
(snake_case, names of enum values, 64-bit integers as strings) or as the API writes it (camelCase,
wire names of enum values, numbers). Free JSON inside a record is the same in both.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from khala_pg.errors import UsageError
from khala_pg.proto_gen.openagents.sync.v1 import options_pb2

Record = TypeVar("Record", bound=Message)

_FREE_JSON = "google.protobuf.Value"


class InvalidRecordError(UsageError):
    """A value is not a record of the expected type."""


def read_record(kind: type[Record], value: object) -> Record:
    """The record of type `kind` that `value` holds in either form.

    Null is absent. Unknown fields are ignored, and an unknown value of an enum is UNSPECIFIED, so
    that a newer server can be read. Raises InvalidRecordError if a field has the wrong type or is
    given in both forms.
    """
    record = kind()
    try:
        json_format.ParseDict(
            _proto_json(cast(Descriptor, record.DESCRIPTOR), value),
            record,
            ignore_unknown_fields=True,
        )
    except json_format.ParseError as error:
        raise InvalidRecordError(f"no {record.DESCRIPTOR.name}: {error}") from error
    return record


def api_json(record: Message) -> dict[str, Any]:
    """The record as the API writes it. Absent fields are left out."""
    fields = cast(Sequence[FieldDescriptor], record.DESCRIPTOR.fields)
    return {
        field.json_name: _api_value(field, getattr(record, field.name))
        for field in fields
        if not field.has_presence or record.HasField(field.name)
    }


def wire_name(enum: EnumDescriptor, number: int) -> str:
    """Name of an enum's value on the API; empty for UNSPECIFIED."""
    options: Any = enum.values_by_number[number].GetOptions()
    return cast(str, options.Extensions[options_pb2.wire_name])


def _proto_json(kind: Descriptor, value: object) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidRecordError(f"{kind.name} is a JSON object, not {type(value).__name__}")
    fields = {name: field for field in kind.fields for name in (field.name, field.json_name)}
    known: dict[str, Any] = {}
    for name, item in value.items():
        if (field := fields.get(name)) is None or item is None:
            continue
        if field.json_name in known:
            raise InvalidRecordError(f"{field.json_name} is given as {field.name} as well")
        known[field.json_name] = _proto_value(field, item)
    return known


def _proto_value(field: FieldDescriptor, value: object) -> object:
    if field.is_repeated:
        if not isinstance(value, list):
            raise InvalidRecordError(f"{field.json_name} is an array, not {type(value).__name__}")
        return [_proto_item(field, item) for item in value]
    return _proto_item(field, value)


def _proto_item(field: FieldDescriptor, value: object) -> object:
    message, enum = field.message_type, field.enum_type
    if message is not None and message.full_name != _FREE_JSON:
        return _proto_json(message, value)
    if enum is None:
        return value
    if not isinstance(value, str):
        raise InvalidRecordError(f"{field.json_name} is a string, not {type(value).__name__}")
    by_wire_name = {wire_name(enum, known.number): known.name for known in enum.values}
    return by_wire_name.get(value, value)


def _api_value(field: FieldDescriptor, value: Any) -> object:
    if field.is_repeated:
        items: Iterable[Any] = value
        return [_api_item(field, item) for item in items]
    return _api_item(field, value)


def _api_item(field: FieldDescriptor, value: Any) -> object:
    message, enum = field.message_type, field.enum_type
    if enum is not None:
        return wire_name(enum, value)
    if message is None:
        return value
    if message.full_name == _FREE_JSON:
        return json_format.MessageToDict(value)
    return api_json(value)
