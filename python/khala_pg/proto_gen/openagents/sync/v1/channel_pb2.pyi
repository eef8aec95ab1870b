import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from khala_pg.proto_gen.openagents.sync.v1 import topic_pb2 as _topic_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Limits(_message.Message):
    __slots__ = ("max_batch_updates", "max_batch_bytes", "max_payload_bytes", "max_frame_bytes", "max_topics")
    MAX_BATCH_UPDATES_FIELD_NUMBER: _ClassVar[int]
    MAX_BATCH_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_PAYLOAD_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_FRAME_BYTES_FIELD_NUMBER: _ClassVar[int]
    MAX_TOPICS_FIELD_NUMBER: _ClassVar[int]
    max_batch_updates: int
    max_batch_bytes: int
    max_payload_bytes: int
    max_frame_bytes: int
    max_topics: int
    def __init__(self, max_batch_updates: _Optional[int] = ..., max_batch_bytes: _Optional[int] = ..., max_payload_bytes: _Optional[int] = ..., max_frame_bytes: _Optional[int] = ..., max_topics: _Optional[int] = ...) -> None: ...

class JoinReply(_message.Message):
    __slots__ = ("subscription_id", "allowed_topics", "limits", "heartbeat_interval_ms", "token_expires_at", "epoch")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_TOPICS_FIELD_NUMBER: _ClassVar[int]
    LIMITS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_INTERVAL_MS_FIELD_NUMBER: _ClassVar[int]
    TOKEN_EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    subscription_id: str
    allowed_topics: _containers.RepeatedScalarFieldContainer[str]
    limits: Limits
    heartbeat_interval_ms: int
    token_expires_at: _timestamp_pb2.Timestamp
    epoch: str
    def __init__(self, subscription_id: _Optional[str] = ..., allowed_topics: _Optional[_Iterable[str]] = ..., limits: _Optional[_Union[Limits, _Mapping]] = ..., heartbeat_interval_ms: _Optional[int] = ..., token_expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., epoch: _Optional[str] = ...) -> None: ...

class RefreshRequest(_message.Message):
    __slots__ = ("token",)
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    token: str
    def __init__(self, token: _Optional[str] = ...) -> None: ...

class RefreshReply(_message.Message):
    __slots__ = ("expires_at", "allowed_topics")
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_TOPICS_FIELD_NUMBER: _ClassVar[int]
    expires_at: _timestamp_pb2.Timestamp
    allowed_topics: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., allowed_topics: _Optional[_Iterable[str]] = ...) -> None: ...

class Heartbeat(_message.Message):
    __slots__ = ("watermarks", "subscription_id")
    WATERMARKS_FIELD_NUMBER: _ClassVar[int]
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    watermarks: _containers.RepeatedCompositeFieldContainer[_topic_pb2.TopicWatermark]
    subscription_id: str
    def __init__(self, watermarks: _Optional[_Iterable[_Union[_topic_pb2.TopicWatermark, _Mapping]]] = ..., subscription_id: _Optional[str] = ...) -> None: ...
