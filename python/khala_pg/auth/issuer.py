"""Issuer of tokens: short-lived, and only for topics that the holder may see."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from khala_pg.auth import keyring as keys
from khala_pg.auth.claims import CLAIMS_VERSION, TokenError, timestamp
from khala_pg.auth.keys import Keyring

MIN_TTL_S = 60
MAX_TTL_S = 900


@dataclass(frozen=True, slots=True)
class Identity:
    """Subject and organisation of a token request, and the topics that the token may be for.

    token_id: the `jti` that tokens of one session share; None: each token has its own.
    """

    subject: str
    org_id: str
    scopes: Sequence[str]
    token_id: str | None = None


class SessionExpiredError(Exception):
    """The request has a session, but it has expired. For session authenticators."""


class IssuerError(Exception):
    """Refusal of a token request, with the HTTP status and the error code of the response."""

    def __init__(self, status: HTTPStatus, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """Token request: scopes None means all, ttl_s None the default.

    subject, org_id: what the token is to be for; None: what the key or session is for.
    """

    scopes: tuple[str, ...] | None
    ttl_s: int | None
    subject: str | None = None
    org_id: str | None = None


class Issuer:
    """Issues tokens with the key that signs at the moment."""

    def __init__(self, keyring: Callable[[], Keyring], ttl_s: int) -> None:
        """keyring: the one in force. ttl_s: the usual life of a token, in seconds."""
        if not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            raise ValueError(f"token_ttl_s must be from {MIN_TTL_S} to {MAX_TTL_S}")
        self._keyring = keyring
        self._ttl_s = ttl_s

    def require_ready(self) -> None:
        """Raises IssuerError when this relay has no key to sign with."""
        keyring = self._keyring()
        if keyring.current not in keyring.keys:
            raise IssuerError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "sync_token_unavailable",
                "this relay has no key to sign with: its tokens come from another issuer",
            )

    def issue(
        self, identity: Identity, asked: TokenRequest, excess: Sequence[str]
    ) -> dict[str, Any]:
        """The token and everything about it. Raises IssuerError.

        excess: the requested scopes that those of the identity do not cover.
        """
        self.require_ready()
        keyring = self._keyring()
        scopes = list(identity.scopes) if asked.scopes is None else list(asked.scopes)
        if excess or not scopes:
            raise IssuerError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "invalid_scope",
                "a token may be for topics that you may see, and for at least one of them",
                invalid_scopes=list(excess),
            )
        ttl_s = self._ttl_s if asked.ttl_s is None else asked.ttl_s
        if not MIN_TTL_S <= ttl_s <= MAX_TTL_S:
            message = f"expires_in is from {MIN_TTL_S} to {MAX_TTL_S} seconds"
            raise IssuerError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_ttl", message)
        issued_at = int(time.time())
        try:
            token = keys.sign_token(
                keyring,
                org_id=identity.org_id,
                scopes=scopes,
                subject=identity.subject,
                ttl_s=ttl_s,
                now=issued_at,
                token_id=identity.token_id,
            )
        except TokenError as error:
            raise IssuerError(
                HTTPStatus.UNPROCESSABLE_ENTITY,
                "invalid_scope",
                f"no relay would take a token for these {len(scopes)} topics: {error}",
                invalid_scopes=[],
            ) from None
        return {
            "token": token,
            "token_type": "Bearer",
            "expires_in": ttl_s,
            "issued_at": timestamp(issued_at),
            "expires_at": timestamp(issued_at + ttl_s),
            "issuer": keyring.issuer,
            "audience": keyring.audience,
            "subject": identity.subject,
            "org_id": identity.org_id,
            "claims_version": CLAIMS_VERSION,
            "scopes": scopes,
            "kid": keyring.current,
        }
