"""The names on the wire: every value has one, and those of the last release stand.

buf knows names and numbers, not what our option says.
"""

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from khala_pg.proto_gen.openagents.sync.v1 import options_pb2

PROTO = Path(__file__).resolve().parents[3] / "proto"


def _options(value: Any) -> Any:
    return value.options


def wire_names(file: str) -> dict[str, str]:
    """Wire name by value name, of every enum in a descriptor set; UNSPECIFIED has none."""
    files = descriptor_pb2.FileDescriptorSet.FromString((PROTO / file).read_bytes())
    return {
        value.name: _options(value).Extensions[options_pb2.wire_name]
        for each in files.file
        if each.package == "openagents.sync.v1"
        for enum in each.enum_type
        for value in enum.value
        if value.number
    }


@pytest.fixture(scope="module")
def names() -> dict[str, str]:
    return wire_names("descriptors.binpb")


def test_names_of_the_last_release_stand(names: dict[str, str]) -> None:
    released = wire_names("released.binpb")
    assert released
    assert {name: names.get(name) for name in released} == released


def test_every_value_has_a_name_that_is_its_own(names: dict[str, str]) -> None:
    for prefix in ("SYNC_TOPIC_", "SYNC_ERROR_CODE_", "SYNC_STALE_REASON_"):
        of_one = {value: name for value, name in names.items() if value.startswith(prefix)}
        assert len(of_one) > 2
        assert len(set(of_one.values())) == len(of_one)
        for value, name in of_one.items():
            assert value == prefix + name.upper().replace(".", "_")
