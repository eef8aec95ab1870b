from google.protobuf import struct_pb2 as _struct_pb2
from khala_pg.proto_gen.openagents.sync.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PaywallStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAYWALL_STATUS_UNSPECIFIED: _ClassVar[PaywallStatus]
    PAYWALL_STATUS_ACTIVE: _ClassVar[PaywallStatus]
    PAYWALL_STATUS_PAUSED: _ClassVar[PaywallStatus]
    PAYWALL_STATUS_ARCHIVED: _ClassVar[PaywallStatus]

class PricingMode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PRICING_MODE_UNSPECIFIED: _ClassVar[PricingMode]
    PRICING_MODE_FIXED: _ClassVar[PricingMode]

class RouteProtocol(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ROUTE_PROTOCOL_UNSPECIFIED: _ClassVar[RouteProtocol]
    ROUTE_PROTOCOL_HTTP: _ClassVar[RouteProtocol]
    ROUTE_PROTOCOL_HTTPS: _ClassVar[RouteProtocol]
PAYWALL_STATUS_UNSPECIFIED: PaywallStatus
PAYWALL_STATUS_ACTIVE: PaywallStatus
PAYWALL_STATUS_PAUSED: PaywallStatus
PAYWALL_STATUS_ARCHIVED: PaywallStatus
PRICING_MODE_UNSPECIFIED: PricingMode
PRICING_MODE_FIXED: PricingMode
ROUTE_PROTOCOL_UNSPECIFIED: RouteProtocol
ROUTE_PROTOCOL_HTTP: RouteProtocol
ROUTE_PROTOCOL_HTTPS: RouteProtocol

class PaywallPolicy(_message.Message):
    __slots__ = ("paywall_id", "owner_id", "pricing_mode", "fixed_amount_msats", "max_per_request_msats", "allowed_hosts", "blocked_hosts", "quota_per_minute", "quota_per_day", "kill_switch", "created_at_ms", "updated_at_ms")
    PAYWALL_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    PRICING_MODE_FIELD_NUMBER: _ClassVar[int]
    FIXED_AMOUNT_MSATS_FIELD_NUMBER: _ClassVar[int]
    MAX_PER_REQUEST_MSATS_FIELD_NUMBER: _ClassVar[int]
    ALLOWED_HOSTS_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_HOSTS_FIELD_NUMBER: _ClassVar[int]
    QUOTA_PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    QUOTA_PER_DAY_FIELD_NUMBER: _ClassVar[int]
    KILL_SWITCH_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    paywall_id: str
    owner_id: str
    pricing_mode: PricingMode
    fixed_amount_msats: int
    max_per_request_msats: int
    allowed_hosts: _containers.RepeatedScalarFieldContainer[str]
    blocked_hosts: _containers.RepeatedScalarFieldContainer[str]
    quota_per_minute: int
    quota_per_day: int
    kill_switch: bool
    created_at_ms: int
    updated_at_ms: int
    def __init__(self, paywall_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., pricing_mode: _Optional[_Union[PricingMode, str]] = ..., fixed_amount_msats: _Optional[int] = ..., max_per_request_msats: _Optional[int] = ..., allowed_hosts: _Optional[_Iterable[str]] = ..., blocked_hosts: _Optional[_Iterable[str]] = ..., quota_per_minute: _Optional[int] = ..., quota_per_day: _Optional[int] = ..., kill_switch: _Optional[bool] = ..., created_at_ms: _Optional[int] = ..., updated_at_ms: _Optional[int] = ...) -> None: ...

class PaywallRoute(_message.Message):
    __slots__ = ("route_id", "paywall_id", "owner_id", "host_pattern", "path_pattern", "upstream_url", "protocol", "timeout_ms", "priority", "created_at_ms", "updated_at_ms")
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    PAYWALL_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    HOST_PATTERN_FIELD_NUMBER: _ClassVar[int]
    PATH_PATTERN_FIELD_NUMBER: _ClassVar[int]
    UPSTREAM_URL_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    route_id: str
    paywall_id: str
    owner_id: str
    host_pattern: str
    path_pattern: str
    upstream_url: str
    protocol: RouteProtocol
    timeout_ms: int
    priority: int
    created_at_ms: int
    updated_at_ms: int
    def __init__(self, route_id: _Optional[str] = ..., paywall_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., host_pattern: _Optional[str] = ..., path_pattern: _Optional[str] = ..., upstream_url: _Optional[str] = ..., protocol: _Optional[_Union[RouteProtocol, str]] = ..., timeout_ms: _Optional[int] = ..., priority: _Optional[int] = ..., created_at_ms: _Optional[int] = ..., updated_at_ms: _Optional[int] = ...) -> None: ...

class Paywall(_message.Message):
    __slots__ = ("paywall_id", "owner_id", "name", "description", "status", "request_id", "metadata", "created_at_ms", "updated_at_ms", "policy", "routes")
    PAYWALL_ID_FIELD_NUMBER: _ClassVar[int]
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    ROUTES_FIELD_NUMBER: _ClassVar[int]
    paywall_id: str
    owner_id: str
    name: str
    description: str
    status: PaywallStatus
    request_id: str
    metadata: _struct_pb2.Value
    created_at_ms: int
    updated_at_ms: int
    policy: PaywallPolicy
    routes: _containers.RepeatedCompositeFieldContainer[PaywallRoute]
    def __init__(self, paywall_id: _Optional[str] = ..., owner_id: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., status: _Optional[_Union[PaywallStatus, str]] = ..., request_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., created_at_ms: _Optional[int] = ..., updated_at_ms: _Optional[int] = ..., policy: _Optional[_Union[PaywallPolicy, _Mapping]] = ..., routes: _Optional[_Iterable[_Union[PaywallRoute, _Mapping]]] = ...) -> None: ...
