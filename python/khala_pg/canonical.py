"""The payload hash: SHA-256 over a document's RFC 8785 canonical bytes.

A payload is an I-JSON object (RFC 7493). Its numbers are those that a double holds exactly, or as
ECMAScript prints them; its strings have no lone surrogates; its objects no duplicate keys. The same
hash comes out of `khala.payload_hash` in the database.
"""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import rfc8785

from khala_pg import strict_json

HASH_BYTES = 32
_SAFE_INTEGER = 2**53 - 1

Document = Mapping[str, Any]
"""A payload: a JSON object of str, int, float, bool, None, lists and objects."""


class NotIJsonError(ValueError):
    """A value is not an I-JSON object, so it has no payload hash."""


def canonical_bytes(document: Document) -> bytes:
    """RFC 8785 bytes of a document.

    Raises NotIJsonError for anything but an I-JSON object.
    """
    if not isinstance(document, Mapping):
        raise NotIJsonError(f"a payload is a JSON object, not {type(document).__name__}")
    try:
        try:
            return rfc8785.dumps(dict(document))
        except rfc8785.IntegerDomainError:
            return rfc8785.dumps(_with_doubles(document))
    except NotIJsonError:
        raise
    except RecursionError as error:
        raise NotIJsonError("the payload is nested too deeply") from error
    except ValueError as error:  # CanonicalizationError, and UnicodeEncodeError for a key
        raise NotIJsonError(f"the payload is not I-JSON: {error}") from error


def payload_hash(document: Document) -> bytes:
    """The 32 bytes of the hash of a document. Raises NotIJsonError."""
    return hashlib.sha256(canonical_bytes(document)).digest()


def hash_text(digest: bytes) -> str:
    """The text form of a hash: `sha256:<hex>`."""
    return f"sha256:{digest.hex()}"


def hash_from_base64(text: str) -> bytes:
    """The hash in the base64 form it has on the wire. Raises ValueError if it is not one."""
    digest = base64.b64decode(text, validate=True)
    if len(digest) != HASH_BYTES:
        raise ValueError(f"a payload hash is {HASH_BYTES} bytes, not {len(digest)}")
    return digest


def parse_document(text: str | bytes) -> dict[str, Any]:
    """A payload from JSON text.

    Raises NotIJsonError for what is not JSON, and for what a JSON parser would silently change:
    duplicate keys, numbers that a double cannot hold, lone surrogates, NaN and infinities.
    """
    try:
        value = strict_json.loads(text, parse_float=exact_float)
    except NotIJsonError:
        raise
    except ValueError as error:
        raise NotIJsonError(f"the payload is not I-JSON: {error}") from error
    if not isinstance(value, dict):
        raise NotIJsonError(f"a payload is a JSON object, not {type(value).__name__}")
    canonical_bytes(value)
    return value


def _with_doubles(value: Any) -> Any:
    """Replace integers beyond 2^53 - 1, which rfc8785 refuses, by the doubles they stand for."""
    if isinstance(value, Mapping):
        return {key: _with_doubles(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes | bytearray):
        return [_with_doubles(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _SAFE_INTEGER:
        return _double(value)
    return value


def _double(number: int) -> float:
    try:
        double = float(number)
    except OverflowError as error:
        raise NotIJsonError("a number is beyond the range of a double") from error
    # 123456789012345680000 is how ECMAScript prints a double whose exact value is another number.
    if int(double) != number and rfc8785.dumps(double) != str(number).encode():
        raise NotIJsonError(f"a double cannot hold the number {number}")
    return double


def exact_float(text: str) -> float:
    """The double that a JSON number stands for. Raises NotIJsonError when none does exactly."""
    double = float(text)
    if double in (float("inf"), float("-inf")):
        raise NotIJsonError("a number is beyond the range of a double")
    exact = Decimal(text)
    if Decimal(double) != exact and Decimal(repr(double)) != exact:
        raise NotIJsonError(f"a double cannot hold the number {text[:40]}")
    return double
