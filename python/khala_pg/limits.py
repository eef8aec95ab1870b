"""Limits and intervals of a settings dataclass: each with its range, and what it means to whom."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

Value = TypeVar("Value", int, float, bool)

_UNITS = {
    "_bytes": "bytes",
    "_ms": "milliseconds",
    "_s": "seconds",
    "_per_second": "a second",
    "_per_second_per_subject": "a second",
    "_per_minute": "a minute",
}


@dataclass(frozen=True, slots=True)
class Limit:
    """Range and meaning of a setting.

    is_above: `least` itself is not allowed. seen: what a client that exceeds it sees; empty when
    no client can.
    """

    meaning: str
    seen: str
    least: float
    is_above: bool
    most: float | None


@dataclass(frozen=True, slots=True)
class NamedLimit:
    """A setting of a dataclass, with its default."""

    name: str
    default: Any
    limit: Limit

    @property
    def unit(self) -> str:
        """The unit that its name ends in; empty for a plain number or a switch."""
        endings = [ending for ending in _UNITS if self.name.endswith(ending)]
        return _UNITS[max(endings, key=len)] if endings else ""

    @property
    def shown_default(self) -> str:
        if isinstance(self.default, bool):
            return str(self.default).lower()
        return f"{self.default:.10g}"

    @property
    def allowed(self) -> str:
        """The allowed range, in words."""
        if isinstance(self.default, bool):
            return "true, false"
        least, most = f"{self.limit.least:g}", self.limit.most
        if self.limit.is_above:
            return f"above {least}" if most is None else f"above {least}, up to {most:g}"
        return f"{least} or more" if most is None else f"{least} to {most:g}"


def limit(
    default: Value,
    meaning: str,
    *,
    seen: str = "",
    least: float = 0,
    is_above: bool = False,
    most: float | None = None,
) -> Value:
    """A field of a dataclass, with what `Limit` says of it."""
    found: Value = field(
        default=default, metadata={"limit": Limit(meaning, seen, least, is_above, most)}
    )
    return found


def limits_of(settings: type[Any]) -> Iterator[NamedLimit]:
    """The limits of a dataclass, in its order."""
    for each in fields(settings):
        if "limit" in each.metadata:
            yield NamedLimit(each.name, each.default, each.metadata["limit"])


def check(settings: Any) -> None:
    """Raises ValueError for a limit out of its range."""
    for each in limits_of(type(settings)):
        value, of = getattr(settings, each.name), each.limit
        # No number is in any range.
        is_low = not (value > of.least if of.is_above else value >= of.least)
        if is_low or (of.most is not None and value > of.most):
            raise ValueError(f"{each.name} is {value}: it must be {each.allowed}")
