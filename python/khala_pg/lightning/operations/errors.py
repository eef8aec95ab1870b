"""Failures of the operators' programs."""

from typing import Any, Literal

from khala_pg.errors import KhalaError, UsageError

Arrived = Literal["no", "unknown", "yes"]


class OpsError(KhalaError):
    """A program failed. code: for programs; details: further fields of the error's JSON."""

    def __init__(self, code: str, message: str, hint: str = "", **details: Any) -> None:
        super().__init__(message, hint)
        self.code = code
        self.details = details


class CallFailedError(OpsError):
    """A call of another server failed.

    arrived: whether the server may have acted on it; after `yes` the same call fails again.
    retry_after_s: how long the server wants to be left alone.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        arrived: Arrived,
        retry_after_s: float = 0.0,
        **details: Any,
    ) -> None:
        super().__init__(code, message, hint, **details)
        self.arrived = arrived
        self.retry_after_s = retry_after_s


def error_json(error: KhalaError) -> dict[str, Any]:
    """The error as the programs print it."""
    code, details = "failed", {}
    if isinstance(error, OpsError):
        code, details = error.code, error.details
    elif isinstance(error, UsageError):
        code = "invalid_configuration"
    found = {"code": code, "message": str(error), "hint": error.hint, **details}
    return {name: value for name, value in found.items() if value not in ("", None)}
