"""The keyring: issuer, audience and keys."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from khala_pg.auth.claims import STRICT, VerificationKey
from khala_pg.auth.jwks import JwksSettings
from khala_pg.errors import UsageError

MIN_SECRET_BYTES = 32
"""HS256 is as strong as its key: nothing shorter is taken."""


class KeyringError(UsageError):
    """A keyring file cannot be used; the message names the next step."""


@dataclass(frozen=True, slots=True)
class Key:
    """One secret: its id, the algorithm fixed for it, its bytes, and the profile of its tokens."""

    kid: str
    alg: str
    secret: bytes = field(repr=False)
    claims: str = STRICT


@dataclass(frozen=True, slots=True)
class Keyring:
    """Issuer, audience and keys of tokens.

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
        issuers = (self.issuer, *self.issuers)
        return VerificationKey(kid, key.alg, key.secret, issuers, key.claims)

    @property
    def accepted_audiences(self) -> tuple[str, ...]:
        return (self.audience, *self.audiences)
