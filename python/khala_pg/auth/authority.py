"""Verification of tokens, at the opening of a socket and for as long as it lives."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from khala_pg.auth import claims as tokens
from khala_pg.auth.claims import Claims, TokenError, VerificationKey
from khala_pg.auth.jwks import JwksSettings, KeySet
from khala_pg.auth.keys import Keyring, KeyringError
from khala_pg.auth.revocations import Revocations

logger = logging.getLogger("khala.auth")


class Authority:
    """The keyring in force, the key sets it names, and the revocations."""

    def __init__(self, keyring: Keyring, load: Callable[[], Keyring] | None = None) -> None:
        """load: reads the keyring again, raises KeyringError; None when it never changes."""
        self.revocations = Revocations()
        self._sets: dict[JwksSettings, KeySet] = {}
        self._take(keyring)
        self._load = load
        self._changed = asyncio.Event()

    async def verify(self, token: str) -> Claims:
        """The claims of a token. Raises TokenError when it is not valid."""
        kid = tokens.key_id(token)
        if not self._known(kid):
            for key_set in list(self._sets.values()):
                if await key_set.find(kid) is not None:
                    break
        claims = self._read(token, self._known(kid))
        if self.revocations.covers(claims):
            raise TokenError("the token has been revoked: come back with a new one")
        return claims

    def why_over(self, claims: Claims, now: float) -> str | None:
        """The reason why a token is no longer valid; None when it still is.

        now: seconds since 1970. A live socket gets no leeway.
        """
        if claims.expires_at <= now:
            return "the token has expired: come back with a new one"
        if self.revocations.covers(claims):
            return "the token has been revoked: come back with a new one"
        if claims.key is None or claims.key not in self._known(claims.key.kid):
            return "the key of the token has been withdrawn: come back with a new token"
        return None

    def reload(self) -> bool:
        """Reads the keyring again; one that is unfit is reported and changes nothing."""
        if self._load is None:
            return False
        try:
            keyring = self._load()
        except KeyringError as error:
            logger.error("the keyring in force stays: %s", error)
            return False
        self._take(keyring)
        self._changed.set()
        logger.info(
            "keyring read again: %d keys of its own, %d key sets",
            len(keyring.keys),
            len(self._sets),
        )
        return True

    async def run(self) -> None:
        """Keeps the key sets fresh until it is cancelled."""
        while True:
            self._changed.clear()
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(each.run()) for each in self._sets.values()]
                with contextlib.ExitStack() as ends:
                    for task in tasks:
                        ends.callback(task.cancel)
                    await self._changed.wait()

    def _take(self, keyring: Keyring) -> None:
        self.keyring = keyring
        # Made once: sockets of the same key share it, and compare it by what it is.
        self._own = {kid: keyring.verification_key(kid) for kid in keyring.keys}
        # What was read of a set that stays is kept.
        kept = self._sets
        self._sets = {each: kept.get(each) or KeySet(each) for each in keyring.jwks}

    def _known(self, kid: str) -> list[VerificationKey]:
        """The keys of that id. Issuers name keys as they like, so there may be several."""
        found = [self._own.get(kid)]
        found += [key_set.get(kid) for key_set in self._sets.values()]
        return [key for key in found if key is not None]

    def _read(self, token: str, candidates: list[VerificationKey]) -> Claims:
        refusal = TokenError("the token is signed with a key that is not in the keyring")
        for key in candidates:
            # Each key speaks for its own issuer only, so none can pass for another.
            try:
                return tokens.verify(token, key, self.keyring.accepted_audiences)
            except TokenError as error:
                refusal = error
        raise refusal
