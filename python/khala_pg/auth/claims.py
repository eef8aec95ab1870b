"""Claims of tokens, and their verification.

The key is found by `kid`; its algorithm and the issuers it speaks for belong to the key: the
token's own word on either is never trusted.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt

from khala_pg.errors import KhalaError

LEEWAY_S = 30.0
"""Largest difference between the clocks of signer and verifier, in seconds."""

CLAIMS_VERSION = 1
MAX_LIFETIME_S = 32 * 24 * 3600
"""The longest life of a token, in seconds: a revocation need not be kept for longer."""

MAX_TOKEN_BYTES = 16 * 1024
MIN_RSA_BITS = 2048
NOT_TOPICS = frozenset({"lightning.operate", "runtime.operate", "khala.admin", "khala.admin.all"})
"""Scopes of operators and administrators, which are no topics.

SQL's `khala.create_api_key` has them as well.
"""

_LAST_MOMENT = 253_402_300_799
STRICT, OPENAGENTS = "khala", "openagents"
PROFILES = (STRICT, OPENAGENTS)
"""Forms of an issuer's tokens. A key says which it is for; the first is the default.

openagents: `oa_claims_version` may be "oa_sync_claims_v1", `oa_sync_scopes` whole topics as text
with commas, `nbf` may be missing, and `oa_user_id` stand for a missing `sub`.
"""

_OPENAGENTS_VERSION = "oa_sync_claims_v1"
_REQUIRED = (
    "exp",
    "iat",
    "nbf",
    "iss",
    "aud",
    "sub",
    "jti",
    "oa_org_id",
    "oa_sync_scopes",
    "oa_claims_version",
)


class TokenError(KhalaError):
    """A token is not accepted. The message is safe to show: it never holds the token."""


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """Verification key: an algorithm fixed for it, its material, and the issuers it speaks for.

    Two are equal when whatever one has signed, the other has.
    """

    kid: str
    alg: str
    material: Any = field(repr=False)
    issuers: Collection[str] = field(compare=False)
    profile: str = STRICT


@dataclass(frozen=True, slots=True)
class Claims:
    """Claims of a verified token. Times are seconds since 1970; `scopes` are topic names.

    key: what verified it. Not its `kid` alone, which another issuer may use as well.
    """

    subject: str
    org_id: str
    scopes: tuple[str, ...]
    issued_at: int
    not_before: int
    expires_at: int
    token_id: str
    key: VerificationKey | None = field(default=None, repr=False)


def key_id(token: str) -> str:
    """The `kid` that a token names, not verified in any way. Raises TokenError."""
    if len(token.encode("utf-8", "replace")) > MAX_TOKEN_BYTES:
        raise TokenError(f"the token is not valid: it is longer than {MAX_TOKEN_BYTES} bytes")
    try:
        kid = jwt.get_unverified_header(token).get("kid")
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenError("the token is not valid: it cannot be decoded") from None
    if not isinstance(kid, str) or not kid:
        raise TokenError("the token is not valid: it names no key (kid)")
    return kid


def verify(token: str, key: VerificationKey, audiences: Collection[str]) -> Claims:
    """Checks signature, times (30 s of leeway), issuer, audience and claims.

    Raises TokenError, whose message says what is wrong with the token.
    """
    try:
        claims = jwt.decode(
            token,
            key.material,
            algorithms=[key.alg],
            audience=list(audiences),
            issuer=list(key.issuers),
            leeway=LEEWAY_S,
            # What else has to be there, `parse` looks at.
            options={"require": ["exp", "iat", "iss", "aud"]},
        )
    except jwt.ExpiredSignatureError:
        raise TokenError("the token has expired: come back with a new one") from None
    except jwt.PyJWTError as error:
        raise TokenError(f"the token is not valid: {error}") from None
    except (ValueError, TypeError, RecursionError, OverflowError):
        raise TokenError("the token is not valid: it cannot be decoded") from None
    return parse(claims, key)


def parse(claims: Mapping[str, Any], key: VerificationKey) -> Claims:
    """The claims of a token whose signature, times, issuer and audience are good.

    Raises TokenError when one is missing or not what it should be.
    """
    if key.profile == OPENAGENTS:
        claims = _from_openagents(claims)
    for name in _REQUIRED:
        if name not in claims:
            raise TokenError(f"the token has no {name}")
    version = claims["oa_claims_version"]
    if isinstance(version, bool) or version != CLAIMS_VERSION:
        raise TokenError(f"the token's oa_claims_version is not {CLAIMS_VERSION}")
    for name in ("sub", "jti", "oa_org_id"):
        if not is_name(claims[name]):
            raise TokenError(f"the token's {name} is empty, not a string or not storable")
    scopes = claims["oa_sync_scopes"]
    if not isinstance(scopes, list) or not all(is_name(scope) for scope in scopes):
        raise TokenError("the token's oa_sync_scopes is not a list of topic names")
    times = {name: _seconds(claims[name]) for name in ("iat", "nbf", "exp")}
    if times["exp"] - times["iat"] > MAX_LIFETIME_S:
        raise TokenError(f"the token lives for more than {MAX_LIFETIME_S // 86400} days")
    return Claims(
        subject=claims["sub"],
        org_id=claims["oa_org_id"],
        scopes=tuple(dict.fromkeys(scopes)),
        issued_at=times["iat"],
        not_before=times["nbf"],
        expires_at=times["exp"],
        token_id=claims["jti"],
        key=key,
    )


def _from_openagents(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """The claims as a strict issuer would have written them; what is wrong stays wrong."""
    found = dict(claims)
    if found.get("oa_claims_version") == _OPENAGENTS_VERSION:
        found["oa_claims_version"] = CLAIMS_VERSION
    scopes = found.get("oa_sync_scopes")
    # A prefix of keys may hold commas and blanks: cut there, it would allow more than it says.
    if isinstance(scopes, str) and "/" not in scopes:
        found["oa_sync_scopes"] = [name for each in scopes.split(",") if (name := each.strip())]
    if "nbf" not in found and "iat" in found:
        found["nbf"] = found["iat"]
    user = found.get("oa_user_id")
    if "sub" not in found and isinstance(user, str | int) and not isinstance(user, bool):
        found["sub"] = str(user)
    return found


def timestamp(seconds: float) -> str:
    """A moment as proto-JSON has it: RFC 3339 in UTC."""
    # A datetime ends with the year 9999; a token need not.
    return datetime.fromtimestamp(min(seconds, _LAST_MOMENT), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _seconds(value: object) -> int:
    # A float that is no number, or a time beyond all calendars, is not a time.
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TokenError("the token's times are not numbers")
    if not abs(value) < 2**53:
        raise TokenError("the token's times are out of range")
    return int(value)


def is_name(value: object) -> bool:
    """Whether Postgres can take the value as a string that names something."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)
