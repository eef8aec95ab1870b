"""Keys and tokens: a keyring file with HS256 secrets, tokens signed with it and verified by it.

A keyring file is JSON, readable by its owner only:

    {"issuer": "…", "audience": "…", "current": "<kid>",
     "keys": [{"kid": "…", "alg": "HS256", "secret": "<base64url>"}]}

`current` signs; every key verifies, so that a key can be replaced while its tokens live on. The
algorithm belongs to the key: what a token says about it is never trusted.
"""

import base64
import binascii
import json
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from khala_pg.errors import KhalaError, UsageError

LEEWAY_S = 30.0
"""How far the clocks of signer and verifier may differ, in seconds."""

CLAIMS_VERSION = 1
_MIN_SECRET_BYTES = 32
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


class KeyringError(UsageError):
    """A keyring file cannot be used; the message says what to do about it."""


class TokenError(KhalaError):
    """A token is not accepted. The message is safe to show: it never holds the token."""


@dataclass(frozen=True, slots=True)
class Key:
    """One secret: its id, the algorithm fixed for it, and its bytes."""

    kid: str
    alg: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Who signs, for whom, and with which keys. `current` is the id of the key that signs."""

    issuer: str
    audience: str
    current: str
    keys: Mapping[str, Key]


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified token says. Times are seconds since 1970; `scopes` are topic names."""

    subject: str
    org_id: str
    scopes: tuple[str, ...]
    issued_at: int
    not_before: int
    expires_at: int
    token_id: str


def generate(issuer: str = "khala", audience: str = "khala-sync") -> Keyring:
    """A keyring with one fresh random key."""
    kid = secrets.token_hex(8)
    key = Key(kid, "HS256", secrets.token_bytes(_MIN_SECRET_BYTES))
    return Keyring(issuer, audience, kid, {kid: key})


def save(keyring: Keyring, path: Path) -> None:
    """Writes the file with mode 0600, all of it or nothing."""
    document = {
        "issuer": keyring.issuer,
        "audience": keyring.audience,
        "current": keyring.current,
        "keys": [
            {
                "kid": key.kid,
                "alg": key.alg,
                "secret": base64.urlsafe_b64encode(key.secret).rstrip(b"=").decode(),
            }
            for key in keyring.keys.values()
        ],
    }
    scratch = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(document, file, indent=2)
            file.write("\n")
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def load(path: Path) -> Keyring:
    """Reads a keyring file.

    Raises KeyringError when it is missing, unreadable or unfit: the message names the file, what
    is wrong and what to do.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise KeyringError(
            f"there is no keyring at {path}: `khala token --new-keyring {path}` makes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringError(f"the keyring {path} cannot be read: {error}") from None
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise KeyringError(
            f"the keyring {path} is not JSON ({error}): restore it, or make a new one"
        ) from None
    return _parse(document, path)


def sign_token(
    keyring: Keyring,
    *,
    org_id: str,
    scopes: Iterable[str],
    subject: str = "khala",
    ttl_s: float = 3600.0,
    now: float | None = None,
) -> str:
    """A token signed with the current key, valid from now for `ttl_s` seconds.

    org_id: the organisation whose documents its bearer sees beside the public ones.
    scopes: the topics its bearer may subscribe to.
    now: the time of signing in seconds since 1970; the clock's when None.
    """
    issued_at = int(time.time() if now is None else now)
    key = keyring.keys[keyring.current]
    claims: dict[str, Any] = {
        "iss": keyring.issuer,
        "aud": keyring.audience,
        "sub": subject,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": int(issued_at + ttl_s),
        "jti": secrets.token_hex(16),
        "oa_org_id": org_id,
        "oa_sync_scopes": list(scopes),
        "oa_claims_version": CLAIMS_VERSION,
    }
    return jwt.encode(claims, key.secret, algorithm=key.alg, headers={"kid": key.kid})


def verify_token(token: str, keyring: Keyring) -> Claims:
    """Checks signature, times (30 s of leeway), issuer, audience and claims.

    Raises TokenError, whose message says what is wrong with the token.
    """
    try:
        key = keyring.keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise TokenError("the token is signed with a key that is not in the keyring")
        claims = jwt.decode(
            token,
            key.secret,
            algorithms=[key.alg],
            audience=keyring.audience,
            issuer=keyring.issuer,
            leeway=LEEWAY_S,
            options={"require": list(_REQUIRED)},
        )
    except jwt.ExpiredSignatureError:
        raise TokenError("the token has expired: come back with a new one") from None
    except jwt.PyJWTError as error:
        raise TokenError(f"the token is not valid: {error}") from None
    except (ValueError, RecursionError, OverflowError):
        raise TokenError("the token is not valid: it cannot be decoded") from None
    return _claims(claims)


def _claims(claims: Mapping[str, Any]) -> Claims:
    if claims["oa_claims_version"] != CLAIMS_VERSION:
        raise TokenError(f"the token's oa_claims_version is not {CLAIMS_VERSION}")
    for name in ("sub", "jti", "oa_org_id"):
        if not _is_name(claims[name]):
            raise TokenError(f"the token's {name} is not a text that can be used")
    scopes = claims["oa_sync_scopes"]
    if not isinstance(scopes, list) or not all(_is_name(scope) for scope in scopes):
        raise TokenError("the token's oa_sync_scopes is not a list of topic names")
    return Claims(
        subject=claims["sub"],
        org_id=claims["oa_org_id"],
        scopes=tuple(dict.fromkeys(scopes)),
        issued_at=int(claims["iat"]),
        not_before=int(claims["nbf"]),
        expires_at=int(claims["exp"]),
        token_id=claims["jti"],
    )


def _is_name(value: object) -> bool:
    """Whether Postgres can take the value as a text that names something."""
    if not isinstance(value, str) or not value or "\0" in value:
        return False
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _parse(document: object, path: Path) -> Keyring:
    if not isinstance(document, dict):
        raise KeyringError(f"the keyring {path} is not a JSON object")
    texts = {}
    for name in ("issuer", "audience", "current"):
        value = document.get(name)
        if not isinstance(value, str) or not value:
            raise KeyringError(f"the keyring {path} has no `{name}`: give it a text")
        texts[name] = value
    entries = document.get("keys")
    if not isinstance(entries, list) or not entries:
        raise KeyringError(f"the keyring {path} has no `keys`: give it at least one")
    keys: dict[str, Key] = {}
    for entry in entries:
        key = _parse_key(entry, path)
        if key.kid in keys:
            raise KeyringError(f"the keyring {path} has the key {key.kid!r} twice: remove one")
        keys[key.kid] = key
    if texts["current"] not in keys:
        raise KeyringError(
            f"the keyring {path} has no key {texts['current']!r}: "
            "set `current` to the kid of one of its keys"
        )
    return Keyring(texts["issuer"], texts["audience"], texts["current"], keys)


def _parse_key(entry: object, path: Path) -> Key:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or not entry["kid"]:
        raise KeyringError(f"a key of {path} has no `kid`: give each key one of its own")
    kid = entry["kid"]
    if entry.get("alg") != "HS256":
        raise KeyringError(f"the key {kid!r} of {path} has not the algorithm HS256: replace it")
    secret = entry.get("secret")
    try:
        if not isinstance(secret, str):
            raise ValueError
        decoded = base64.b64decode(secret + "=" * (-len(secret) % 4), altchars=b"-_", validate=True)
    except (ValueError, binascii.Error):
        raise KeyringError(
            f"the secret of the key {kid!r} of {path} is not base64url: replace it"
        ) from None
    if len(decoded) < _MIN_SECRET_BYTES:
        raise KeyringError(
            f"the secret of the key {kid!r} of {path} has {len(decoded)} bytes: "
            f"HS256 needs at least {_MIN_SECRET_BYTES}, replace it with a random one"
        )
    return Key(kid, "HS256", decoded)
