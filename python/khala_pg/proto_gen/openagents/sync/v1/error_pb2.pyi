from khala_pg.proto_gen.openagents.sync.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SyncErrorCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SYNC_ERROR_CODE_UNSPECIFIED: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_STALE_CURSOR: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_PAYLOAD_TOO_LARGE: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_UNAUTHORIZED: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_FORBIDDEN_TOPIC: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_BAD_SUBSCRIPTION: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_RATE_LIMITED: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_BAD_FRAME: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_INTERNAL: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_NOT_FOUND: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_UNSUPPORTED_VERSION: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_UNSUPPORTED_ENCODING: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_FORBIDDEN_ORIGIN: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_INSECURE_TRANSPORT: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_BAD_HANDSHAKE: _ClassVar[SyncErrorCode]
    SYNC_ERROR_CODE_METHOD_NOT_ALLOWED: _ClassVar[SyncErrorCode]

class SyncStaleReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SYNC_STALE_REASON_UNSPECIFIED: _ClassVar[SyncStaleReason]
    SYNC_STALE_REASON_BELOW_FLOOR: _ClassVar[SyncStaleReason]
    SYNC_STALE_REASON_CURSOR_AHEAD: _ClassVar[SyncStaleReason]
    SYNC_STALE_REASON_EPOCH_CHANGED: _ClassVar[SyncStaleReason]
SYNC_ERROR_CODE_UNSPECIFIED: SyncErrorCode
SYNC_ERROR_CODE_STALE_CURSOR: SyncErrorCode
SYNC_ERROR_CODE_PAYLOAD_TOO_LARGE: SyncErrorCode
SYNC_ERROR_CODE_UNAUTHORIZED: SyncErrorCode
SYNC_ERROR_CODE_FORBIDDEN_TOPIC: SyncErrorCode
SYNC_ERROR_CODE_BAD_SUBSCRIPTION: SyncErrorCode
SYNC_ERROR_CODE_RATE_LIMITED: SyncErrorCode
SYNC_ERROR_CODE_BAD_FRAME: SyncErrorCode
SYNC_ERROR_CODE_INTERNAL: SyncErrorCode
SYNC_ERROR_CODE_NOT_FOUND: SyncErrorCode
SYNC_ERROR_CODE_UNSUPPORTED_VERSION: SyncErrorCode
SYNC_ERROR_CODE_UNSUPPORTED_ENCODING: SyncErrorCode
SYNC_ERROR_CODE_FORBIDDEN_ORIGIN: SyncErrorCode
SYNC_ERROR_CODE_INSECURE_TRANSPORT: SyncErrorCode
SYNC_ERROR_CODE_BAD_HANDSHAKE: SyncErrorCode
SYNC_ERROR_CODE_METHOD_NOT_ALLOWED: SyncErrorCode
SYNC_STALE_REASON_UNSPECIFIED: SyncStaleReason
SYNC_STALE_REASON_BELOW_FLOOR: SyncStaleReason
SYNC_STALE_REASON_CURSOR_AHEAD: SyncStaleReason
SYNC_STALE_REASON_EPOCH_CHANGED: SyncStaleReason

class StaleTopic(_message.Message):
    __slots__ = ("topic", "resume_after", "retention_floor", "head_watermark", "reason")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    RETENTION_FLOOR_FIELD_NUMBER: _ClassVar[int]
    HEAD_WATERMARK_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    topic: str
    resume_after: int
    retention_floor: int
    head_watermark: int
    reason: str
    def __init__(self, topic: _Optional[str] = ..., resume_after: _Optional[int] = ..., retention_floor: _Optional[int] = ..., head_watermark: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class SyncError(_message.Message):
    __slots__ = ("code", "message", "retry_after_ms", "full_resync_required", "stale_topics", "forbidden_topics", "request_id", "epoch", "topics")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    FULL_RESYNC_REQUIRED_FIELD_NUMBER: _ClassVar[int]
    STALE_TOPICS_FIELD_NUMBER: _ClassVar[int]
    FORBIDDEN_TOPICS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    retry_after_ms: int
    full_resync_required: bool
    stale_topics: _containers.RepeatedCompositeFieldContainer[StaleTopic]
    forbidden_topics: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    epoch: str
    topics: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ..., retry_after_ms: _Optional[int] = ..., full_resync_required: _Optional[bool] = ..., stale_topics: _Optional[_Iterable[_Union[StaleTopic, _Mapping]]] = ..., forbidden_topics: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ..., epoch: _Optional[str] = ..., topics: _Optional[_Iterable[str]] = ...) -> None: ...
