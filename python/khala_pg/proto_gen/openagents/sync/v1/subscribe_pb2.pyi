from khala_pg.proto_gen.openagents.sync.v1 import topic_pb2 as _topic_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SubscribeRequest(_message.Message):
    __slots__ = ("topics", "resume_after", "epoch", "replay_batch_size", "request_id", "compact")
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    RESUME_AFTER_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    REPLAY_BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    COMPACT_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.RepeatedScalarFieldContainer[str]
    resume_after: _containers.RepeatedCompositeFieldContainer[_topic_pb2.TopicWatermark]
    epoch: str
    replay_batch_size: int
    request_id: str
    compact: bool
    def __init__(self, topics: _Optional[_Iterable[str]] = ..., resume_after: _Optional[_Iterable[_Union[_topic_pb2.TopicWatermark, _Mapping]]] = ..., epoch: _Optional[str] = ..., replay_batch_size: _Optional[int] = ..., request_id: _Optional[str] = ..., compact: _Optional[bool] = ...) -> None: ...

class SubscribeReply(_message.Message):
    __slots__ = ("subscription_id", "topics", "current_watermarks", "head_watermarks", "epoch", "request_id")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    CURRENT_WATERMARKS_FIELD_NUMBER: _ClassVar[int]
    HEAD_WATERMARKS_FIELD_NUMBER: _ClassVar[int]
    EPOCH_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    subscription_id: str
    topics: _containers.RepeatedScalarFieldContainer[str]
    current_watermarks: _containers.RepeatedCompositeFieldContainer[_topic_pb2.TopicWatermark]
    head_watermarks: _containers.RepeatedCompositeFieldContainer[_topic_pb2.TopicWatermark]
    epoch: str
    request_id: str
    def __init__(self, subscription_id: _Optional[str] = ..., topics: _Optional[_Iterable[str]] = ..., current_watermarks: _Optional[_Iterable[_Union[_topic_pb2.TopicWatermark, _Mapping]]] = ..., head_watermarks: _Optional[_Iterable[_Union[_topic_pb2.TopicWatermark, _Mapping]]] = ..., epoch: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class UnsubscribeRequest(_message.Message):
    __slots__ = ("topics", "request_id")
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    topics: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, topics: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class UnsubscribeReply(_message.Message):
    __slots__ = ("subscription_id", "topics", "request_id")
    SUBSCRIPTION_ID_FIELD_NUMBER: _ClassVar[int]
    TOPICS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    subscription_id: str
    topics: _containers.RepeatedScalarFieldContainer[str]
    request_id: str
    def __init__(self, subscription_id: _Optional[str] = ..., topics: _Optional[_Iterable[str]] = ..., request_id: _Optional[str] = ...) -> None: ...
