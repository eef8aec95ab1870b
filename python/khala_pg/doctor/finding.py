"""Findings of `khala doctor`."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """Result of a check. `advice` is the next step, empty when the status is ok."""

    check: str
    status: Literal["ok", "warn", "fail"]
    message: str
    advice: str = ""


def ok(check: str, message: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", message)


def warned(check: str, message: str, advice: str) -> Finding:
    """It works, but not as it should."""
    return Finding(check, "warn", message, advice)


def failed(check: str, message: str, advice: str) -> Finding:
    """It does not work, or will stop working."""
    return Finding(check, "fail", message, advice)
