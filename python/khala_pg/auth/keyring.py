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
from collections.abc import Iterable
from dataclasses import replace

from khala_pg import tokens
from khala_pg.auth.keys import MIN_SECRET_BYTES, Key, Keyring


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
    """A token signed with the current key, valid from now for `ttl_s` seconds: see tokens.sign."""
    return tokens.sign(
        tokens.current(keyring),
        org_id=org_id,
        scopes=scopes,
        subject=subject,
        ttl_s=ttl_s,
        now=now,
        token_id=token_id,
    )
