from google.protobuf import struct_pb2 as _struct_pb2
from khala_pg.proto_gen.openagents.sync.v1 import topic_pb2 as _topic_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Update(_message.Message):
    __slots__ = ("topic", "doc_key", "doc_version", "watermark", "payload_hash", "hydration_required", "deleted", "payload", "payload_json")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    DOC_KEY_FIELD_NUMBER: _ClassVar[int]
    DOC_VERSION_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_HASH_FIELD_NUMBER: _ClassVar[int]
    HYDRATION_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    DELETED_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_JSON_FIELD_NUMBER: _ClassVar[int]
    topic: str
    doc_key: str
    doc_version: int
    watermark: int
    payload_hash: bytes
    hydration_required: bool
    deleted: bool
    payload: _struct_pb2.Value
    payload_json: bytes
    def __init__(self, topic: _Optional[str] = ..., doc_key: _Optional[str] = ..., doc_version: _Optional[int] = ..., watermark: _Optional[int] = ..., payload_hash: _Optional[bytes] = ..., hydration_required: _Optional[bool] = ..., deleted: _Optional[bool] = ..., payload: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., payload_json: _Optional[bytes] = ...) -> None: ...

class UpdateBatch(_message.Message):
    __slots__ = ("updates", "replay_complete", "head_watermarks", "covered_watermarks")
    UPDATES_FIELD_NUMBER: _ClassVar[int]
    REPLAY_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    HEAD_WATERMARKS_FIELD_NUMBER: _ClassVar[int]
    COVERED_WATERMARKS_FIELD_NUMBER: _ClassVar[int]
    updates: _containers.RepeatedCompositeFieldContainer[Update]
    replay_complete: bool
    head_watermarks: _containers.RepeatedCompositeFieldContainer[_topic_pb2.TopicWatermark]
    covered_watermarks: _containers.RepeatedCompositeFieldContainer[_topic_pb2.TopicWatermark]
    def __init__(self, updates: _Optional[_Iterable[_Union[Update, _Mapping]]] = ..., replay_complete: _Optional[bool] = ..., head_watermarks: _Optional[_Iterable[_Union[_topic_pb2.TopicWatermark, _Mapping]]] = ..., covered_watermarks: _Optional[_Iterable[_Union[_topic_pb2.TopicWatermark, _Mapping]]] = ...) -> None: ...

class SnapshotPage(_message.Message):
    __slots__ = ("topic", "epoch", "watermark", "documents", "next_doc_key", "complete")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_DOC_KEY_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    topic: str
    epoch: str
    watermark: int
    documents: _containers.RepeatedCompositeFieldContainer[Update]
    next_doc_key: str
    complete: bool
    def __init__(self, topic: _Optional[str] = ..., epoch: _Optional[str] = ..., watermark: _Optional[int] = ..., documents: _Optional[_Iterable[_Union[Update, _Mapping]]] = ..., next_doc_key: _Optional[str] = ..., complete: _Optional[bool] = ...) -> None: ...
