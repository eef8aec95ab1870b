"""The keyring file: read strictly, written whole or not at all. auth.keyring describes it."""

import base64
import binascii
import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from khala_pg import strict_json
from khala_pg.auth.claims import PROFILES, STRICT
from khala_pg.auth.jwks import JwksSettings
from khala_pg.auth.keys import MIN_SECRET_BYTES, Key, Keyring, KeyringError

_FIELDS = {"issuer", "audience", "current", "next", "keys", "issuers", "audiences", "jwks"}


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
                **({} if key.claims == STRICT else {"claims": key.claims}),
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
            f"there is no keyring at {path}: `khala keyring new {path}` makes one"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise KeyringError(f"the keyring {path} cannot be read: {error}") from None
    try:
        document = strict_json.loads(text)
    except ValueError as error:
        raise KeyringError(
            f"the keyring {path} is not JSON ({error}): restore it, or make a new one"
        ) from None
    return _parse(document, path)


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
            raise KeyringError(f"the keyring {path} has no `{name}`: give it a string")
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
        raise KeyringError(f"`{name}` of the keyring {path} is not a list of strings")
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
            "an attacker between could put keys into it"
        )
    if file is not None:
        entry = {**entry, "file": str(path.parent / file)}
    for name, default in known.items():
        value = entry.get(name, default)
        if isinstance(default, float) and (
            isinstance(value, bool) or not isinstance(value, (int, float)) or not value > 0
        ):
            raise KeyringError(f"{name} of the key set of {issuer!r} in {path} is not above 0")
    _profile(entry, f"the key set of {issuer!r}", path)
    return JwksSettings(**entry)


def _profile(entry: Mapping[str, Any], what: str, path: Path) -> str:
    profile = entry.get("claims", STRICT)
    if profile not in PROFILES:
        raise KeyringError(
            f"`claims` of {what} in {path} is {profile!r}: write one of {', '.join(PROFILES)}"
        )
    return str(profile)


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
    if len(decoded) < MIN_SECRET_BYTES:
        raise KeyringError(
            f"the secret of the key {kid!r} of {path} has {len(decoded)} bytes: "
            f"HS256 needs at least {MIN_SECRET_BYTES}, replace it with a random one"
        )
    return Key(kid, "HS256", decoded, _profile(entry, f"the key {kid!r}", path))
