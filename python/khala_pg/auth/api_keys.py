"""API keys, `khala_<id>_<secret>`: the database has the id and the hash of the secret."""

import hashlib
import re
import secrets
from dataclasses import dataclass, field

_PATTERN = re.compile(r"khala_([0-9a-z]{8,32})_([0-9A-Za-z_-]{20,128})")


@dataclass(frozen=True, slots=True)
class ApiKeyText:
    """An API key's id and secret. The secret does not show when this is printed."""

    key_id: str
    secret: str = field(repr=False)

    @property
    def secret_hash(self) -> bytes:
        """SHA-256 of the secret."""
        return hashlib.sha256(self.secret.encode()).digest()

    def __str__(self) -> str:
        return f"khala_{self.key_id}_{self.secret}"


def generate() -> ApiKeyText:
    """A fresh key of 32 random bytes."""
    return ApiKeyText(secrets.token_hex(6), secrets.token_urlsafe(32))


def parse(text: str) -> ApiKeyText | None:
    """The key in a string; None when there is none."""
    found = _PATTERN.fullmatch(text)
    return None if found is None else ApiKeyText(found[1], found[2])
