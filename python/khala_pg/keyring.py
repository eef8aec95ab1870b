"""Keys and tokens: a keyring file with HS256 secrets, tokens signed with it and verified by it.

A keyring file is JSON, readable by its owner only:

    {"issuer": "…", "audience": "…", "current": "<kid>",
     "keys": [{"kid": "…", "alg": "HS256", "secret": "<base64url>"}],
     "next": "<kid>", "issuers": ["…"], "audiences": ["…"],
     "jwks": [{"issuer": "…", "url": "https://…"}]}

`current` signs; every key verifies, so that a key can be replaced while its tokens live on: `next`
is known to every verifier before it signs, and what is neither is a previous key. `issuers` and
`audiences` are accepted beside `issuer` and `audience`. `jwks` names key sets (file or URL) of
other issuers, each good for its own issuer's tokens only; with one, a keyring may be without keys
of its own.
"""

import base64
import binascii
import json
import os
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jwt

from khala_pg.auth import claims as tokens
from khala_pg.auth.claims import (
    CLAIMS_VERSION,
    LEEWAY_S,
    Claims,
    TokenError,
    VerificationKey,
)
from khala_pg.auth.jwks import JwksSettings
from khala_pg.errors import UsageError

__all__ = [
    "CLAIMS_VERSION",
    "LEEWAY_S",
    "Claims",
    "Key",
    "Keyring",
    "KeyringError",
    "TokenError",
    "generate",
    "load",
    "rotate",
    "save",
    "sign_token",
    "verify_token",
]

_MIN_SECRET_BYTES = 32
_FIELDS = {"issuer", "audience", "current", "next", "keys", "issuers", "audiences", "jwks"}


class KeyringError(UsageError):
    """A keyring file cannot be used; the message says what to do about it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One secret: its id, the algorithm fixed for it, and its bytes."""

    kid: str
    alg: str
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keyring:
    """Who signs, for whom, and with which keys.

    current: the id of the key that signs; empty when there is none and tokens come from elsewhere.
    next: the id of the key that will sign after it, None when there is none yet.
    issuers, audiences: accepted beside `issuer` and `audience`.
    """

    issuer: str
    audience: str
    current: str
    keys: Mapping[str, Key]
    next: str | None = None
    issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    jwks: tuple[JwksSettings, ...] = ()

    def verification_key(self, kid: str) -> VerificationKey | None:
        """The key of that id, for verifying."""
        key = self.keys.get(kid)
        if key is None:
            return None
        return VerificationKey(kid, key.alg, key.secret, (self.issuer, *self.issuers))

    @property
    def accepted_audiences(self) -> tuple[str, ...]:
        """Every audience that a token may be for."""
        return (self.audience, *self.audiences)


def generate(issuer: str = "khala", audience: str = "khala-sync") -> Keyring:
    """A keyring with one fresh random key."""
    key = _fresh_key()
    return Keyring(issuer, audience, key.kid, {key.kid: key})


def rotate(keyring: Keyring) -> Keyring:
    """One step of a rotation: the next key signs, the current becomes the previous one.

    The previous key before it is dropped, and a fresh one is made for the next step. A keyring that
    has no next key only gets one: verifiers must know a key before it signs.
    """
    fresh = _fresh_key()
    if keyring.next is None:
        return replace(keyring, next=fresh.kid, keys={**keyring.keys, fresh.kid: fresh})
    kept = {kid: keyring.keys[kid] for kid in (keyring.next, keyring.current) if kid}
    return replace(keyring, current=keyring.next, next=fresh.kid, keys={**kept, fresh.kid: fresh})


def _fresh_key() -> Key:
    return Key(secrets.token_hex(8), "HS256", secrets.token_bytes(_MIN_SECRET_BYTES))


def save(keyring: Keyring, path: Path) -> None:
    """Writes the file with mode 0600, all of it or nothing."""
    document: dict[str, Any] = {
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
    if keyring.next is not None:
        document["next"] = keyring.next
    for name in ("issuers", "audiences"):
        if getattr(keyring, name):
            document[name] = list(getattr(keyring, name))
    if keyring.jwks:
        document["jwks"] = [_jwks_document(each) for each in keyring.jwks]
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
    ttl_s: longer than 32 days is refused by every verifier.
    now: the time of signing in seconds since 1970; the clock's when None.
    """
    issued_at = int(time.time() if now is None else now)
    key = keyring.keys.get(keyring.current)
    if key is None:
        raise KeyringError("the keyring has no key to sign with: tokens come from elsewhere")
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

    Only the keyring's own keys are asked; khala_pg.auth.authority asks key sets as well.

    Raises TokenError, whose message says what is wrong with the token.
    """
    key = keyring.verification_key(tokens.key_id(token))
    if key is None:
        raise TokenError("the token is signed with a key that is not in the keyring")
    return tokens.verify(token, key, keyring.accepted_audiences)


def _parse(document: object, path: Path) -> Keyring:
    if not isinstance(document, dict):
        raise KeyringError(f"the keyring {path} is not a JSON object")
    unknown = sorted(set(document) - _FIELDS)
    if unknown:
        raise KeyringError(
            f"the keyring {path} has {', '.join(unknown)}, which nobody knows: remove it"
        )
    jwks = _parse_jwks(document.get("jwks", []), path)
    entries = document.get("keys", [] if jwks else None)
    texts = {}
    for name in ("issuer", "audience", "current") if entries or not jwks else ("audience",):
        value = document.get(name)
        if not isinstance(value, str) or not value:
            raise KeyringError(f"the keyring {path} has no `{name}`: give it a text")
        texts[name] = value
    if not isinstance(entries, list) or not (entries or jwks):
        raise KeyringError(f"the keyring {path} has no `keys`: give it at least one")
    keys: dict[str, Key] = {}
    for entry in entries:
        key = _parse_key(entry, path)
        if key.kid in keys:
            raise KeyringError(f"the keyring {path} has the key {key.kid!r} twice: remove one")
        keys[key.kid] = key
    for role in ("current", "next"):
        kid = document.get(role)
        if kid is not None and (not isinstance(kid, str) or kid not in keys):
            raise KeyringError(
                f"the keyring {path} has no key {kid!r}: set `{role}` to the kid of one of its keys"
            )
    if document.get("next") is not None and document["next"] == document.get("current"):
        raise KeyringError(
            f"in the keyring {path} `next` is `current`: remove it or make a new key"
        )
    return Keyring(
        texts.get("issuer", ""),
        texts["audience"],
        texts.get("current", ""),
        keys,
        document.get("next"),
        _texts(document, "issuers", path),
        _texts(document, "audiences", path),
        jwks,
    )


def _texts(document: Mapping[str, Any], name: str, path: Path) -> tuple[str, ...]:
    values = document.get(name, [])
    if not isinstance(values, list) or not all(isinstance(v, str) and v for v in values):
        raise KeyringError(f"`{name}` of the keyring {path} is not a list of texts")
    return tuple(values)


def _parse_jwks(entries: object, path: Path) -> tuple[JwksSettings, ...]:
    if not isinstance(entries, list):
        raise KeyringError(f"`jwks` of the keyring {path} is not a list")
    return tuple(_parse_key_set(entry, path) for entry in entries)


def _parse_key_set(entry: object, path: Path) -> JwksSettings:
    known = {each.name: each.default for each in fields(JwksSettings)}
    if not isinstance(entry, dict) or not set(entry) <= set(known):
        raise KeyringError(f"an entry of `jwks` of {path} has other fields than {list(known)}")
    issuer, url, file = (entry.get(name) for name in ("issuer", "url", "file"))
    if not isinstance(issuer, str) or not issuer:
        raise KeyringError(f"an entry of `jwks` of {path} has no `issuer`: whose keys are they?")
    if (url is None) == (file is None) or not isinstance(url or file, str):
        raise KeyringError(f"the key set of {issuer!r} in {path} needs one of `url` and `file`")
    if url is not None and not _is_private(url):
        raise KeyringError(
            f"the key set of {issuer!r} in {path} is not at an https:// address: "
            "whoever sits between could put keys of their own into it"
        )
    if file is not None:
        entry = {**entry, "file": str(path.parent / file)}
    for name, default in known.items():
        value = entry.get(name, default)
        if isinstance(default, float) and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0
        ):
            raise KeyringError(f"{name} of the key set of {issuer!r} in {path} is not above 0")
    return JwksSettings(**entry)


def _is_private(url: str) -> bool:
    """Whether nobody between here and there can change what is read."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        return False
    return parts.scheme == "https" or (
        parts.scheme == "http" and host in {"127.0.0.1", "::1", "localhost"}
    )


def _jwks_document(settings: JwksSettings) -> dict[str, Any]:
    return {
        each.name: getattr(settings, each.name)
        for each in fields(JwksSettings)
        if getattr(settings, each.name) != each.default
    }


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
