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
of its own. A key or key set with `"claims": "openagents"` is for tokens as existing issuers write
them: see auth.claims.PROFILES.
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import jwt

from khala_pg.auth.claims import CLAIMS_VERSION
from khala_pg.auth.keys import MIN_SECRET_BYTES, Key, Keyring, KeyringError


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
    return Key(secrets.token_hex(8), "HS256", secrets.token_bytes(MIN_SECRET_BYTES))


def sign_token(
    keyring: Keyring,
    *,
    org_id: str,
    scopes: Iterable[str],
    subject: str = "khala",
    ttl_s: float = 3600.0,
    now: float | None = None,
    token_id: str | None = None,
) -> str:
    """A token signed with the current key, valid from now for `ttl_s` seconds.

    org_id: the organisation whose documents its bearer sees beside the public ones.
    scopes: the topics its bearer may subscribe to.
    ttl_s: longer than 32 days is refused by every verifier.
    now: the time of signing in seconds since 1970; the clock's when None.
    token_id: its `jti`; None: a random one.
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
        "jti": secrets.token_hex(16) if token_id is None else token_id,
        "oa_org_id": org_id,
        "oa_sync_scopes": list(scopes),
        "oa_claims_version": CLAIMS_VERSION,
    }
    return jwt.encode(claims, key.secret, algorithm=key.alg, headers={"kid": key.kid})
