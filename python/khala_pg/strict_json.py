"""JSON read strictly: what parsers differ in, or cannot be handed on as JSON, is refused."""

import json
import math
from collections.abc import Callable
from typing import Any, NoReturn


def loads(text: str | bytes, *, parse_float: Callable[[str], float] | None = None) -> Any:
    """The value of a JSON text.

    Raises ValueError for what is not JSON, a key that an object has twice, NaN and infinities,
    numbers beyond the range of a double, lone surrogates, and nesting that Python cannot follow.
    parse_float: reads what has a fraction or an exponent; may raise ValueError.
    """
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_refuse_constant,
            parse_float=parse_float or _finite,
            parse_int=_integer,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if (b"\\u" if isinstance(text, bytes) else "\\u") in text:  # type: ignore[operator]
        try:
            dumps(value).encode()
        except UnicodeEncodeError:
            raise ValueError("a string holds a lone surrogate") from None
    return value


def dumps(value: object) -> str:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def holds_nul(text: str) -> bool:
    """Whether a JSON text has a string with U+0000, which the database cannot store."""
    # An escaped backslash may stand before the same letters.
    return "\\u0000" in text and "\\u0000" in text.replace("\\\\", "")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"an object has the key {json.dumps(key[:40])} twice")
        found[key] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError("a number is outside the range of a double")
    return number


def _integer(text: str) -> int:
    # Beyond that many digits even the shortest way to write a double has none.
    if len(text) > 310:
        raise ValueError("a number is outside the range of a double")
    return int(text)
