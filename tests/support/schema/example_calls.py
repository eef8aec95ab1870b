"""A call of a function or view, as an example."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Call:
    """A statement and its values.

    writes: whether tables are compared after it. error: the SQLSTATE that it raises, if any.
    """

    statement: str
    values: tuple[Any, ...] = ()
    writes: bool = False
    error: str | None = None


def read(statement: str, *values: Any) -> Call:
    return Call(statement, values)


def write(statement: str, *values: Any) -> Call:
    return Call(statement, values, writes=True)


def fails(error: str, statement: str, *values: Any) -> Call:
    return Call(statement, values, error=error)
