from google.protobuf import struct_pb2 as _struct_pb2
from khala_pg.proto_gen.openagents.sync.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DeploymentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEPLOYMENT_STATUS_UNSPECIFIED: _ClassVar[DeploymentStatus]
    DEPLOYMENT_STATUS_PENDING: _ClassVar[DeploymentStatus]
    DEPLOYMENT_STATUS_APPLIED: _ClassVar[DeploymentStatus]
    DEPLOYMENT_STATUS_FAILED: _ClassVar[DeploymentStatus]
    DEPLOYMENT_STATUS_ROLLED_BACK: _ClassVar[DeploymentStatus]

class GatewayEventLevel(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GATEWAY_EVENT_LEVEL_UNSPECIFIED: _ClassVar[GatewayEventLevel]
    GATEWAY_EVENT_LEVEL_INFO: _ClassVar[GatewayEventLevel]
    GATEWAY_EVENT_LEVEL_WARN: _ClassVar[GatewayEventLevel]
    GATEWAY_EVENT_LEVEL_ERROR: _ClassVar[GatewayEventLevel]
DEPLOYMENT_STATUS_UNSPECIFIED: DeploymentStatus
DEPLOYMENT_STATUS_PENDING: DeploymentStatus
DEPLOYMENT_STATUS_APPLIED: DeploymentStatus
DEPLOYMENT_STATUS_FAILED: DeploymentStatus
DEPLOYMENT_STATUS_ROLLED_BACK: DeploymentStatus
GATEWAY_EVENT_LEVEL_UNSPECIFIED: GatewayEventLevel
GATEWAY_EVENT_LEVEL_INFO: GatewayEventLevel
GATEWAY_EVENT_LEVEL_WARN: GatewayEventLevel
GATEWAY_EVENT_LEVEL_ERROR: GatewayEventLevel

class DeploymentIntent(_message.Message):
    __slots__ = ("deployment_id", "paywall_id", "owner_id", "config_hash", "image_digest", "status", "diagnostics", "applied_at_ms", "rolled_back_from", "created_at_ms", "updated_at_ms")
    DEPLOYMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAYWALL_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    CONFIG_HASH_FIELD_NUMBER: _ClassVar[int]
    IMAGE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_FIELD_NUMBER: _ClassVar[int]
    APPLIED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ROLLED_BACK_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    deployment_id: str
    paywall_id: str
    owner_id: str
    config_hash: str
    image_digest: str
    status: DeploymentStatus
    diagnostics: _struct_pb2.Value
    applied_at_ms: int
    rolled_back_from: str
    created_at_ms: int
    updated_at_ms: int
    def __init__(self, deployment_id: _Optional[str] = ..., paywall_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., config_hash: _Optional[str] = ..., image_digest: _Optional[str] = ..., status: _Optional[_Union[DeploymentStatus, str]] = ..., diagnostics: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., applied_at_ms: _Optional[int] = ..., rolled_back_from: _Optional[str] = ..., created_at_ms: _Optional[int] = ..., updated_at_ms: _Optional[int] = ...) -> None: ...

class GatewayEvent(_message.Message):
    __slots__ = ("event_id", "paywall_id", "owner_id", "event_type", "level", "request_id", "metadata", "created_at_ms")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    PAYWALL_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    paywall_id: str
    owner_id: str
    event_type: str
    level: GatewayEventLevel
    request_id: str
    metadata: _struct_pb2.Value
    created_at_ms: int
    def __init__(self, event_id: _Optional[str] = ..., paywall_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., event_type: _Optional[str] = ..., level: _Optional[_Union[GatewayEventLevel, str]] = ..., request_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., created_at_ms: _Optional[int] = ...) -> None: ...
