"""Reads what database, relay and HTTP side say by the committed descriptors, and strictly."""

import json
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
from google.protobuf.message import Message

from khala_pg.proto_gen.openagents.sync.v1 import options_pb2

Json = dict[str, Any]

_DESCRIPTORS = Path(__file__).resolve().parents[3] / "proto" / "descriptors.binpb"


class Reader:
    """Parses JSON as a named message: an unknown field, a wrong type, a lost number is a failure.

    By the committed descriptor set, apart from the generated modules.
    """

    def __init__(self) -> None:
        files = descriptor_pb2.FileDescriptorSet()
        files.ParseFromString(_DESCRIPTORS.read_bytes())
        self._pool = descriptor_pool.DescriptorPool()
        for file in files.file:
            self._pool.Add(file)

    def __call__(self, name: str, value: Json | str) -> Any:
        message = self._message(name)
        text = value if isinstance(value, str) else json.dumps(value)
        json_format.Parse(text, message, ignore_unknown_fields=False, descriptor_pool=self._pool)
        _compare(json.loads(text), _plain(message))
        return message

    def binary(self, name: str, data: bytes) -> Any:
        """The message in bytes; nothing in them may be unknown, or be written another way."""
        message = self._message(name)
        message.ParseFromString(data)
        assert message.SerializeToString(deterministic=True) == data
        message.DiscardUnknownFields()
        assert message.SerializeToString(deterministic=True) == data, "unknown fields"
        return message

    def _message(self, name: str) -> Any:
        descriptor = self._pool.FindMessageTypeByName(f"openagents.sync.v1.{name}")
        return message_factory.GetMessageClass(descriptor)()


def _plain(message: Message) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _compare(said: Any, meant: Any) -> None:
    """Everything said is in the message; counters may be numbers or strings, defaults left out."""
    if isinstance(said, dict):
        for name, value in said.items():
            if value not in (False, None, "", [], 0, {}):
                _compare(value, meant[name])
    elif isinstance(said, list):
        assert len(said) == len(meant)
        for one, other in zip(said, meant, strict=True):
            _compare(one, other)
    elif isinstance(said, str) or isinstance(meant, str):
        assert str(said) == str(meant)
    else:
        assert said == meant


def wire_names(enum: Any) -> dict[str, str]:
    """Wire name by value name, without the value that means none."""
    return {
        value.name: value.GetOptions().Extensions[options_pb2.wire_name]
        for value in enum.DESCRIPTOR.values
        if value.number
    }
