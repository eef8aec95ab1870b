"""Tokens that a backend signs for its own users, and the key set that relays verify them with.

    key = tokens.load("keyring.json")
    token = tokens.sign(key, org_id="acme", scopes=["shop.orders/customer/42/"], subject="ann")

The TypeScript package has the same as `khala-client/tokens`.
"""

import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from khala_pg.auth import claims as rules
from khala_pg.auth import keyring_file
from khala_pg.auth.keys import Keyring, KeyringError

AUDIENCE = "khala-sync"
"""The audience of keyrings made by `khala keyring new`."""

TTL_S = 900.0
"""Usual life of a token: clients ask for the next one in time."""


@dataclass(frozen=True, slots=True)
class SigningKey:
    """Key that signs, and whose tokens it signs."""

    kid: str
    alg: str
    material: Any = field(repr=False)
    issuer: str
    audience: str


def load(path: str | Path) -> SigningKey:
    """The key that signs in a keyring file. Raises KeyringError."""
    return current(keyring_file.load(Path(path)))


def current(keyring: Keyring) -> SigningKey:
    """The key that signs in a keyring. Raises KeyringError when its tokens come from elsewhere."""
    key = keyring.keys.get(keyring.current)
    if key is None:
        raise KeyringError("the keyring has no key to sign with: tokens come from elsewhere")
    return SigningKey(key.kid, key.alg, key.secret, keyring.issuer, keyring.audience)


def private_key(
    kid: str,
    pem: str | bytes,
    *,
    issuer: str,
    audience: str = AUDIENCE,
    password: bytes | None = None,
) -> SigningKey:
    """A private key in PEM form: RSA (RS256), P-256 (ES256) or Ed25519 (EdDSA).

    issuer: the relays' keyring names it in `jwks`, with the set that `jwks` makes.
    Raises KeyringError.
    """
    try:
        material = load_pem_private_key(pem.encode() if isinstance(pem, str) else pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyringError(f"the key {kid!r} cannot be read: {error}") from None
    return SigningKey(kid, _algorithm(kid, material), material, issuer, audience)


def sign(
    key: SigningKey,
    *,
    org_id: str,
    scopes: Iterable[str],
    subject: str,
    ttl_s: float = TTL_S,
    now: float | None = None,
    token_id: str | None = None,
) -> str:
    """A token that is valid from now for `ttl_s` seconds.

    org_id: the organisation whose documents its bearer sees beside the public ones.
    scopes: the topics its bearer may subscribe to; `topic/prefix` for the documents whose keys
    begin with the prefix, which ends with a separator: `shop.orders/customer/4` is also 42.
    subject: the user; limits and revocations count by it.
    now: the time of signing in seconds since 1970; the clock's when None.
    token_id: its `jti`; None: a random one.

    Raises TokenError for claims that every relay would refuse.
    """
    if isinstance(scopes, str):
        raise TypeError(f"scopes is the string {scopes!r}, and has to be a list of topics")
    issued_at = int(time.time() if now is None else now)
    claims: dict[str, Any] = {
        "iss": key.issuer,
        "aud": key.audience,
        "sub": subject,
        "iat": issued_at,
        "nbf": issued_at,
        "exp": int(issued_at + ttl_s),
        "jti": secrets.token_hex(16) if token_id is None else token_id,
        "oa_org_id": org_id,
        "oa_sync_scopes": list(scopes),
        "oa_claims_version": rules.CLAIMS_VERSION,
    }
    rules.parse(claims, rules.VerificationKey(key.kid, key.alg, None, (key.issuer,)))
    token = jwt.encode(claims, key.material, algorithm=key.alg, headers={"kid": key.kid})
    rules.key_id(token)
    return token


def jwks(*keys: SigningKey) -> dict[str, Any]:
    """The public halves as a key set (RFC 7517), to serve or to write to a file.

    Raises KeyringError for a secret, which has no public half.
    """
    return {"keys": [_public(key) for key in keys]}


def _public(key: SigningKey) -> dict[str, Any]:
    if key.alg == "HS256":
        raise KeyringError(f"the key {key.kid!r} is a secret: relays have it in their keyring")
    algorithm = jwt.get_algorithm_by_name(key.alg)
    entry: dict[str, Any] = algorithm.to_jwk(key.material.public_key(), as_dict=True)
    return {**entry, "kid": key.kid, "alg": key.alg, "use": "sig"}


def _algorithm(kid: str, material: object) -> str:
    match material:
        case RSAPrivateKey(key_size=bits) if bits >= rules.MIN_RSA_BITS:
            return "RS256"
        case EllipticCurvePrivateKey(curve=SECP256R1()):
            return "ES256"
        case Ed25519PrivateKey():
            return "EdDSA"
    raise KeyringError(
        f"the key {kid!r} is neither an RSA key of at least {rules.MIN_RSA_BITS} bits, nor on the "
        "curve P-256, nor Ed25519: make one with `openssl genpkey -algorithm ed25519`"
    )
