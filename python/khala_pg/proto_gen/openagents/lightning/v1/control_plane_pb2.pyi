from khala_pg.proto_gen.openagents.lightning.v1 import deployment_pb2 as _deployment_pb2
from khala_pg.proto_gen.openagents.lightning.v1 import paywall_pb2 as _paywall_pb2
from khala_pg.proto_gen.openagents.lightning.v1 import security_pb2 as _security_pb2
from khala_pg.proto_gen.openagents.lightning.v1 import settlement_pb2 as _settlement_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListPaywallControlPlaneStateResponse(_message.Message):
    __slots__ = ("ok", "paywalls")
    OK_FIELD_NUMBER: _ClassVar[int]
    PAYWALLS_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    paywalls: _containers.RepeatedCompositeFieldContainer[_paywall_pb2.Paywall]
    def __init__(self, ok: _Optional[bool] = ..., paywalls: _Optional[_Iterable[_Union[_paywall_pb2.Paywall, _Mapping]]] = ...) -> None: ...

class GetControlPlaneSecurityStateResponse(_message.Message):
    __slots__ = ("ok", "owner_controls", "credential_roles")
    OK_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_FIELD_NUMBER: _ClassVar[int]
    OWNER_CONTROLS_FIELD_NUMBER: _ClassVar[int]
    CREDENTIAL_ROLES_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    owner_controls: _containers.RepeatedCompositeFieldContainer[_security_pb2.OwnerSecurityControl]
    credential_roles: _containers.RepeatedCompositeFieldContainer[_security_pb2.CredentialRole]
    def __init__(self, ok: _Optional[bool] = ..., owner_controls: _Optional[_Iterable[_Union[_security_pb2.OwnerSecurityControl, _Mapping]]] = ..., credential_roles: _Optional[_Iterable[_Union[_security_pb2.CredentialRole, _Mapping]]] = ..., **kwargs) -> None: ...

class RecordGatewayCompileIntentResponse(_message.Message):
    __slots__ = ("ok", "deployment")
    OK_FIELD_NUMBER: _ClassVar[int]
    DEPLOYMENT_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    deployment: _deployment_pb2.DeploymentIntent
    def __init__(self, ok: _Optional[bool] = ..., deployment: _Optional[_Union[_deployment_pb2.DeploymentIntent, _Mapping]] = ...) -> None: ...

class RecordGatewayDeploymentEventResponse(_message.Message):
    __slots__ = ("ok", "event")
    OK_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    event: _deployment_pb2.GatewayEvent
    def __init__(self, ok: _Optional[bool] = ..., event: _Optional[_Union[_deployment_pb2.GatewayEvent, _Mapping]] = ...) -> None: ...

class IngestInvoiceLifecycleResponse(_message.Message):
    __slots__ = ("ok", "changed", "invoice")
    OK_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    changed: bool
    invoice: _settlement_pb2.Invoice
    def __init__(self, ok: _Optional[bool] = ..., changed: _Optional[bool] = ..., invoice: _Optional[_Union[_settlement_pb2.Invoice, _Mapping]] = ...) -> None: ...

class IngestSettlementResponse(_message.Message):
    __slots__ = ("ok", "existed", "settlement", "invoice")
    OK_FIELD_NUMBER: _ClassVar[int]
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    SETTLEMENT_FIELD_NUMBER: _ClassVar[int]
    INVOICE_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    existed: bool
    settlement: _settlement_pb2.Settlement
    invoice: _settlement_pb2.Invoice
    def __init__(self, ok: _Optional[bool] = ..., existed: _Optional[bool] = ..., settlement: _Optional[_Union[_settlement_pb2.Settlement, _Mapping]] = ..., invoice: _Optional[_Union[_settlement_pb2.Invoice, _Mapping]] = ...) -> None: ...

class SetGlobalPauseResponse(_message.Message):
    __slots__ = ("ok",)
    OK_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    def __init__(self, ok: _Optional[bool] = ..., **kwargs) -> None: ...

class SetOwnerKillSwitchResponse(_message.Message):
    __slots__ = ("ok", "owner_control")
    OK_FIELD_NUMBER: _ClassVar[int]
    OWNER_CONTROL_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    owner_control: _security_pb2.OwnerSecurityControl
    def __init__(self, ok: _Optional[bool] = ..., owner_control: _Optional[_Union[_security_pb2.OwnerSecurityControl, _Mapping]] = ...) -> None: ...

class ChangeCredentialRoleResponse(_message.Message):
    __slots__ = ("ok", "role")
    OK_FIELD_NUMBER: _ClassVar[int]
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ok: bool
    role: _security_pb2.CredentialRole
    def __init__(self, ok: _Optional[bool] = ..., role: _Optional[_Union[_security_pb2.CredentialRole, _Mapping]] = ...) -> None: ...

class ControlPlaneError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class ErrorResponse(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: ControlPlaneError
    def __init__(self, error: _Optional[_Union[ControlPlaneError, _Mapping]] = ...) -> None: ...
