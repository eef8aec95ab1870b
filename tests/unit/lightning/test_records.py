"""Both forms of a record give the same typed record, and free JSON passes through untouched."""

import base64
from typing import Any

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from khala_pg.lightning.records import InvalidRecordError, api_json, read_record
from khala_pg.proto_gen.openagents.lightning.v1 import (
    compile_pb2,
    control_plane_pb2,
    deployment_pb2,
    paywall_pb2,
    security_pb2,
    settlement_pb2,
)

MODULES = (
    compile_pb2,
    control_plane_pb2,
    deployment_pb2,
    paywall_pb2,
    security_pb2,
    settlement_pb2,
)
KINDS: list[Any] = [
    getattr(module, name) for module in MODULES for name in module.DESCRIPTOR.message_types_by_name
]
_KINDS_OF_INTEGERS = {
    FieldDescriptor.TYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_UINT32: st.integers(0, 2**32 - 1),
}
_free_json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def messages(kind: Any) -> st.SearchStrategy[Any]:
    """Records of `kind`, as plain values by field name: what both forms are written from."""
    return st.fixed_dictionaries(
        {f.name: _values(f) for f in kind.DESCRIPTOR.fields if not f.has_presence},
        optional={f.name: _values(f) for f in kind.DESCRIPTOR.fields if f.has_presence},
    )


def _values(field: Any) -> st.SearchStrategy[Any]:
    one = _one(field)
    return st.lists(one, max_size=2) if field.is_repeated else one


def _one(field: Any) -> st.SearchStrategy[Any]:
    if field.type in _KINDS_OF_INTEGERS:
        return _KINDS_OF_INTEGERS[field.type]
    if field.type == FieldDescriptor.TYPE_BOOL:
        return st.booleans()
    if field.type == FieldDescriptor.TYPE_ENUM:
        return st.sampled_from([value.number for value in field.enum_type.values if value.number])
    if field.type == FieldDescriptor.TYPE_MESSAGE:
        if field.message_type.full_name == "google.protobuf.Value":
            return _free_json.filter(lambda value: value is not None)
        return messages(field.message_type._concrete_class)
    return st.text()


def message_of(kind: Any, values: dict[str, Any]) -> Any:
    return json_format.ParseDict(values, kind())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: str(kind.DESCRIPTOR.name))
@given(data=st.data())
def test_both_forms_give_the_same_record(kind: Any, data: st.DataObject) -> None:
    expected = message_of(kind, data.draw(messages(kind)))
    proto_json = json_format.MessageToDict(expected, preserving_proto_field_name=True)
    assert read_record(kind, proto_json) == expected
    assert read_record(kind, api_json(expected)) == expected


def test_free_json_is_not_touched() -> None:
    inside = {
        "paywall_id": {"status": "active", "isNull": None, "n": [1, 2.5, "PAYWALL_STATUS_ACTIVE"]}
    }
    record = read_record(paywall_pb2.Paywall, {"paywallId": "p", "metadata": inside})
    assert api_json(record)["metadata"] == inside


def test_null_is_absent_and_what_is_unknown_is_ignored() -> None:
    record = read_record(
        settlement_pb2.Invoice,
        {"invoiceId": "i", "amountMsats": 5, "paymentHash": None, "status": "lost", "more": 1},
    )
    assert not record.HasField("payment_hash")
    assert record.status == settlement_pb2.INVOICE_STATUS_UNSPECIFIED
    assert api_json(record) == {
        "invoiceId": "i",
        "paywallId": "",
        "ownerId": "",
        "amountMsats": 5,
        "status": "",
        "createdAtMs": 0,
        "updatedAtMs": 0,
    }


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ([], "Paywall"),
        ({"paywallId": 5}, "paywallId"),
        ({"paywall_id": "a", "paywallId": "b"}, "paywall"),
        ({"status": 1}, "status"),
        ({"routes": {}}, "routes"),
        ({"routes": [5]}, "PaywallRoute"),
        ({"routes": [{"priority": -1}]}, "priority"),
        ({"createdAtMs": "soon"}, "createdAtMs"),
        ({"createdAtMs": 2**63}, "createdAtMs"),
        ({"policy": {"killSwitch": base64.b64encode(b"x").decode()}}, "killSwitch"),
    ],
)
def test_an_error_names_the_field(value: Any, named: str) -> None:
    with pytest.raises(InvalidRecordError, match=named):
        read_record(paywall_pb2.Paywall, value)
