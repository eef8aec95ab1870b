from khala_pg.proto_gen.openagents.sync.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class SyncTopic(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SYNC_TOPIC_UNSPECIFIED: _ClassVar[SyncTopic]
    SYNC_TOPIC_RUNTIME_RUN_SUMMARIES: _ClassVar[SyncTopic]
    SYNC_TOPIC_RUNTIME_CODEX_WORKER_SUMMARIES: _ClassVar[SyncTopic]
    SYNC_TOPIC_RUNTIME_NOTIFICATIONS: _ClassVar[SyncTopic]
    SYNC_TOPIC_LIGHTNING_PAYWALLS: _ClassVar[SyncTopic]
    SYNC_TOPIC_LIGHTNING_DEPLOYMENTS: _ClassVar[SyncTopic]
    SYNC_TOPIC_LIGHTNING_SETTLEMENTS: _ClassVar[SyncTopic]
    SYNC_TOPIC_LIGHTNING_SECURITY: _ClassVar[SyncTopic]
SYNC_TOPIC_UNSPECIFIED: SyncTopic
SYNC_TOPIC_RUNTIME_RUN_SUMMARIES: SyncTopic
SYNC_TOPIC_RUNTIME_CODEX_WORKER_SUMMARIES: SyncTopic
SYNC_TOPIC_RUNTIME_NOTIFICATIONS: SyncTopic
SYNC_TOPIC_LIGHTNING_PAYWALLS: SyncTopic
SYNC_TOPIC_LIGHTNING_DEPLOYMENTS: SyncTopic
SYNC_TOPIC_LIGHTNING_SETTLEMENTS: SyncTopic
SYNC_TOPIC_LIGHTNING_SECURITY: SyncTopic

class TopicWatermark(_message.Message):
    __slots__ = ("topic", "watermark")
    TOPIC_FIELD_NUMBER: _ClassVar[int]
    WATERMARK_FIELD_NUMBER: _ClassVar[int]
    topic: str
    watermark: int
    def __init__(self, topic: _Optional[str] = ..., watermark: _Optional[int] = ...) -> None: ...
