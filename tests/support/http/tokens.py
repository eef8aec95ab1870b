"""Tokens as a verifier with the keyring's own keys reads them."""

from khala_pg.auth import claims
from khala_pg.auth.claims import Claims, TokenError
from khala_pg.auth.keys import Keyring


def verify_token(token: str, keyring: Keyring) -> Claims:
    key = keyring.verification_key(claims.key_id(token))
    if key is None:
        raise TokenError("the token is signed with a key that is not in the keyring")
    return claims.verify(token, key, keyring.accepted_audiences)
