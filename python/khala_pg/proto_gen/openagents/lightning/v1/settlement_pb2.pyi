from google.protobuf import struct_pb2 as _struct_pb2
from khala_pg.proto_gen.openagents.sync.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InvoiceStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INVOICE_STATUS_UNSPECIFIED: _ClassVar[InvoiceStatus]
    INVOICE_STATUS_OPEN: _ClassVar[InvoiceStatus]
    INVOICE_STATUS_SETTLED: _ClassVar[InvoiceStatus]
    INVOICE_STATUS_CANCELED: _ClassVar[InvoiceStatus]
    INVOICE_STATUS_EXPIRED: _ClassVar[InvoiceStatus]

class PaymentProofType(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAYMENT_PROOF_TYPE_UNSPECIFIED: _ClassVar[PaymentProofType]
    PAYMENT_PROOF_TYPE_LIGHTNING_PREIMAGE: _ClassVar[PaymentProofType]
INVOICE_STATUS_UNSPECIFIED: InvoiceStatus
INVOICE_STATUS_OPEN: InvoiceStatus
INVOICE_STATUS_SETTLED: InvoiceStatus
INVOICE_STATUS_CANCELED: InvoiceStatus
INVOICE_STATUS_EXPIRED: InvoiceStatus
PAYMENT_PROOF_TYPE_UNSPECIFIED: PaymentProofType
PAYMENT_PROOF_TYPE_LIGHTNING_PREIMAGE: PaymentProofType

class Invoice(_message.Message):
    __slots__ = ("invoice_id", "paywall_id", "owner_id", "amount_msats", "status", "payment_hash", "payment_request", "payment_proof_ref", "request_id", "created_at_ms", "updated_at_ms", "settled_at_ms")
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    PAYWALL_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MSATS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_HASH_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_REQUEST_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_PROOF_REF_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    SETTLED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    invoice_id: str
    paywall_id: str
    owner_id: str
    amount_msats: int
    status: InvoiceStatus
    payment_hash: str
    payment_request: str
    payment_proof_ref: str
    request_id: str
    created_at_ms: int
    updated_at_ms: int
    settled_at_ms: int
    def __init__(self, invoice_id: _Optional[str] = ..., paywall_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., amount_msats: _Optional[int] = ..., status: _Optional[_Union[InvoiceStatus, str]] = ..., payment_hash: _Optional[str] = ..., payment_request: _Optional[str] = ..., payment_proof_ref: _Optional[str] = ..., request_id: _Optional[str] = ..., created_at_ms: _Optional[int] = ..., updated_at_ms: _Optional[int] = ..., settled_at_ms: _Optional[int] = ...) -> None: ...

class Settlement(_message.Message):
    __slots__ = ("settlement_id", "paywall_id", "owner_id", "invoice_id", "amount_msats", "payment_proof_ref", "request_id", "metadata", "created_at_ms")
    SETTLEMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAYWALL_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    INVOICE_ID_FIELD_NUMBER: _ClassVar[int]
    AMOUNT_MSATS_FIELD_NUMBER: _ClassVar[int]
    PAYMENT_PROOF_REF_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    settlement_id: str
    paywall_id: str
    owner_id: str
    invoice_id: str
    amount_msats: int
    payment_proof_ref: str
    request_id: str
    metadata: _struct_pb2.Value
    created_at_ms: int
    def __init__(self, settlement_id: _Optional[str] = ..., paywall_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., invoice_id: _Optional[str] = ..., amount_msats: _Optional[int] = ..., payment_proof_ref: _Optional[str] = ..., request_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., created_at_ms: _Optional[int] = ...) -> None: ...
