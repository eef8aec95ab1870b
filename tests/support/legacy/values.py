"""The encoding `convex_encoded_json`: here an int is an Int64 and a float is a Float64."""

import base64
import binascii
import json
import math
import struct
from typing import Any

Value = Any
"""None, bool, int, float, str, bytes, or a list or dict of values."""

MAX_FIELD_NAME = 1024
MAX_ARRAY = 8192
MAX_FIELDS = 1024


class EncodingError(ValueError):
    """What is no value of the legacy backend."""


def decode(document: Any) -> Value:
    """The value that parsed JSON stands for. Raises EncodingError."""
    match document:
        case None | bool() | str():
            return document
        case int() | float():
            return float(document)
        case list():
            if len(document) > MAX_ARRAY:
                raise EncodingError(f"an array has at most {MAX_ARRAY} items")
            return [decode(item) for item in document]
        case {"$integer": encoded, **rest} if not rest:
            (integer,) = struct.unpack("<q", _bytes(encoded, 8))
            return integer
        case {"$float": encoded, **rest} if not rest:
            (number,) = struct.unpack("<d", _bytes(encoded, 8))
            if not is_special(number):
                raise EncodingError(f"$float is for what JSON cannot write, not for {number}")
            return number
        case {"$bytes": encoded, **rest} if not rest:
            return _bytes(encoded)
        case dict():
            if len(document) > MAX_FIELDS:
                raise EncodingError(f"an object has at most {MAX_FIELDS} fields")
            return {_field(name): decode(item) for name, item in document.items()}
    raise EncodingError(f"{type(document).__name__} is no JSON value")


def encode(value: Value) -> Any:
    """What `json.dumps` writes of a value. Floats keep their point: PyPI `convex` insists on it."""
    match value:
        case None | bool() | str():
            return value
        case int():
            return {"$integer": _text(struct.pack("<q", value))}
        case float():
            return {"$float": _text(struct.pack("<d", value))} if is_special(value) else value
        case bytes():
            return {"$bytes": _text(value)}
        case list():
            return [encode(item) for item in value]
        case dict():
            return {_field(name): encode(item) for name, item in value.items()}
    raise EncodingError(f"{type(value).__name__} is no value of the legacy backend")


def dumps(document: Any) -> str:
    """JSON of something encoded."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False)


def is_special(number: float) -> bool:
    """Whether JSON cannot write a number, or loses its sign."""
    return not math.isfinite(number) or (number == 0 and math.copysign(1, number) < 0)


def _field(name: str) -> str:
    if name.startswith("$") or len(name) > MAX_FIELD_NAME:
        raise EncodingError(f"field names have at most {MAX_FIELD_NAME} characters, and no $ first")
    if not (name.isascii() and name.isprintable()):
        raise EncodingError(f"field names are printable ASCII, not {name!r}")
    return name


def _text(content: bytes) -> str:
    return base64.standard_b64encode(content).decode()


def _bytes(encoded: Any, length: int | None = None) -> bytes:
    if not isinstance(encoded, str):
        raise EncodingError("bytes are encoded as a string")
    try:
        content = base64.b64decode(encoded, validate=True)
    except binascii.Error as error:
        raise EncodingError(f"{encoded!r} is no base64") from error
    if length not in (None, len(content)):
        raise EncodingError(f"{len(content)} bytes where {length} belong")
    return content
