from google.protobuf import struct_pb2 as _struct_pb2
from khala_pg.proto_gen.openagents.sync.v1 import options_pb2 as _options_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CompileDiagnosticCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    COMPILE_DIAGNOSTIC_CODE_UNSPECIFIED: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_INVALID_PRICING_MODE: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_MISSING_PRICING: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_INVALID_ROUTE_PATTERN: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_MISSING_ROUTE_PROTOCOL: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_INVALID_UPSTREAM_URL: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_DUPLICATE_ROUTE: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_AMBIGUOUS_ROUTE: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_FIRST_MATCH_SHADOWED: _ClassVar[CompileDiagnosticCode]
    COMPILE_DIAGNOSTIC_CODE_NO_COMPILABLE_ROUTES: _ClassVar[CompileDiagnosticCode]

class DiagnosticSeverity(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIAGNOSTIC_SEVERITY_UNSPECIFIED: _ClassVar[DiagnosticSeverity]
    DIAGNOSTIC_SEVERITY_ERROR: _ClassVar[DiagnosticSeverity]
    DIAGNOSTIC_SEVERITY_WARN: _ClassVar[DiagnosticSeverity]
COMPILE_DIAGNOSTIC_CODE_UNSPECIFIED: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_INVALID_PRICING_MODE: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_MISSING_PRICING: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_INVALID_ROUTE_PATTERN: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_MISSING_ROUTE_PROTOCOL: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_INVALID_UPSTREAM_URL: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_DUPLICATE_ROUTE: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_AMBIGUOUS_ROUTE: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_FIRST_MATCH_SHADOWED: CompileDiagnosticCode
COMPILE_DIAGNOSTIC_CODE_NO_COMPILABLE_ROUTES: CompileDiagnosticCode
DIAGNOSTIC_SEVERITY_UNSPECIFIED: DiagnosticSeverity
DIAGNOSTIC_SEVERITY_ERROR: DiagnosticSeverity
DIAGNOSTIC_SEVERITY_WARN: DiagnosticSeverity

class CompileDiagnostic(_message.Message):
    __slots__ = ("code", "severity", "message", "paywall_id", "route_id", "related_route_id", "details")
    CODE_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    PAYWALL_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    RELATED_ROUTE_ID_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    code: CompileDiagnosticCode
    severity: DiagnosticSeverity
    message: str
    paywall_id: str
    route_id: str
    related_route_id: str
    details: _struct_pb2.Value
    def __init__(self, code: _Optional[_Union[CompileDiagnosticCode, str]] = ..., severity: _Optional[_Union[DiagnosticSeverity, str]] = ..., message: _Optional[str] = ..., paywall_id: _Optional[str] = ..., route_id: _Optional[str] = ..., related_route_id: _Optional[str] = ..., details: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...
