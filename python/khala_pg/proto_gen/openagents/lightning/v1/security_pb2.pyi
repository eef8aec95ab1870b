from khala_pg.proto_gen.openagents.sync.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DenyReasonCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DENY_REASON_CODE_UNSPECIFIED: _ClassVar[DenyReasonCode]
    DENY_REASON_CODE_GLOBAL_PAUSE_ACTIVE: _ClassVar[DenyReasonCode]
    DENY_REASON_CODE_OWNER_KILL_SWITCH_ACTIVE: _ClassVar[DenyReasonCode]

class CredentialRoleName(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDENTIAL_ROLE_NAME_UNSPECIFIED: _ClassVar[CredentialRoleName]
    CREDENTIAL_ROLE_NAME_GATEWAY_INVOICE: _ClassVar[CredentialRoleName]
    CREDENTIAL_ROLE_NAME_SETTLEMENT_READ: _ClassVar[CredentialRoleName]
    CREDENTIAL_ROLE_NAME_OPERATOR_ADMIN: _ClassVar[CredentialRoleName]

class CredentialRoleStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    CREDENTIAL_ROLE_STATUS_UNSPECIFIED: _ClassVar[CredentialRoleStatus]
    CREDENTIAL_ROLE_STATUS_ACTIVE: _ClassVar[CredentialRoleStatus]
    CREDENTIAL_ROLE_STATUS_ROTATING: _ClassVar[CredentialRoleStatus]
    CREDENTIAL_ROLE_STATUS_REVOKED: _ClassVar[CredentialRoleStatus]
DENY_REASON_CODE_UNSPECIFIED: DenyReasonCode
DENY_REASON_CODE_GLOBAL_PAUSE_ACTIVE: DenyReasonCode
DENY_REASON_CODE_OWNER_KILL_SWITCH_ACTIVE: DenyReasonCode
CREDENTIAL_ROLE_NAME_UNSPECIFIED: CredentialRoleName
CREDENTIAL_ROLE_NAME_GATEWAY_INVOICE: CredentialRoleName
CREDENTIAL_ROLE_NAME_SETTLEMENT_READ: CredentialRoleName
CREDENTIAL_ROLE_NAME_OPERATOR_ADMIN: CredentialRoleName
CREDENTIAL_ROLE_STATUS_UNSPECIFIED: CredentialRoleStatus
CREDENTIAL_ROLE_STATUS_ACTIVE: CredentialRoleStatus
CREDENTIAL_ROLE_STATUS_ROTATING: CredentialRoleStatus
CREDENTIAL_ROLE_STATUS_REVOKED: CredentialRoleStatus

class SecurityGlobal(_message.Message):
    __slots__ = ("state_id", "global_pause", "deny_reason_code", "deny_reason", "updated_by", "updated_at_ms")
    STATE_ID_FIELD_NUMBER: _ClassVar[int]
    GLOBAL_PAUSE_FIELD_NUMBER: _ClassVar[int]
    DENY_REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    DENY_REASON_FIELD_NUMBER: _ClassVar[int]
    UPDATED_BY_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    state_id: str
    global_pause: bool
    deny_reason_code: DenyReasonCode
    deny_reason: str
    updated_by: str
    updated_at_ms: int
    def __init__(self, state_id: _Optional[str] = ..., global_pause: _Optional[bool] = ..., deny_reason_code: _Optional[_Union[DenyReasonCode, str]] = ..., deny_reason: _Optional[str] = ..., updated_by: _Optional[str] = ..., updated_at_ms: _Optional[int] = ...) -> None: ...

class OwnerSecurityControl(_message.Message):
    __slots__ = ("owner_id", "kill_switch", "deny_reason_code", "deny_reason", "updated_by", "updated_at_ms")
    OWNER_ID_FIELD_NUMBER: _ClassVar[int]
    KILL_SWITCH_FIELD_NUMBER: _ClassVar[int]
    DENY_REASON_CODE_FIELD_NUMBER: _ClassVar[int]
    DENY_REASON_FIELD_NUMBER: _ClassVar[int]
    UPDATED_BY_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    owner_id: str
    kill_switch: bool
    deny_reason_code: DenyReasonCode
    deny_reason: str
    updated_by: str
    updated_at_ms: int
    def __init__(self, owner_id: _Optional[str] = ..., kill_switch: _Optional[bool] = ..., deny_reason_code: _Optional[_Union[DenyReasonCode, str]] = ..., deny_reason: _Optional[str] = ..., updated_by: _Optional[str] = ..., updated_at_ms: _Optional[int] = ...) -> None: ...

class CredentialRole(_message.Message):
    __slots__ = ("role", "status", "version", "fingerprint", "note", "updated_at_ms", "last_rotated_at_ms", "revoked_at_ms")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    NOTE_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_ROTATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    REVOKED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    role: CredentialRoleName
    status: CredentialRoleStatus
    version: int
    fingerprint: str
    note: str
    updated_at_ms: int
    last_rotated_at_ms: int
    revoked_at_ms: int
    def __init__(self, role: _Optional[_Union[CredentialRoleName, str]] = ..., status: _Optional[_Union[CredentialRoleStatus, str]] = ..., version: _Optional[int] = ..., fingerprint: _Optional[str] = ..., note: _Optional[str] = ..., updated_at_ms: _Optional[int] = ..., last_rotated_at_ms: _Optional[int] = ..., revoked_at_ms: _Optional[int] = ...) -> None: ...
