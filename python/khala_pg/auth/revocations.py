"""Revoked tokens, as last read from the database.

A revocation names a token (`jti`), a subject (`sub`) or an organisation (`org`), and the moment up
to which tokens issued are meant: a token issued later is valid again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from khala_pg.auth.claims import Claims

Kind = Literal["jti", "sub", "org"]


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revocation. `number` grows with every change; `issued_until` is in seconds since 1970."""

    number: int
    kind: str
    value: str
    issued_until: float


class Revocations:
    """The revocations in force."""

    def __init__(self) -> None:
        self.known = False
        """Whether they have been read from the database."""
        self.seen = 0
        """Number of the last one that was read."""
        self._until: dict[tuple[str, str], float] = {}

    def take(self, changes: Iterable[Revocation], *, everything: bool) -> None:
        """Notes what changed since `seen`, or all there is, in the order of the numbers.

        A database that does not know `seen` gives all it has, and its numbers go on from there.
        """
        if everything:
            self._until.clear()
            self.seen = 0
        for change in changes:
            self.seen = change.number
            self._until[change.kind, change.value] = change.issued_until
        self.known = True

    def covers(self, claims: Claims) -> bool:
        """Whether the token is revoked."""
        if not self._until:
            return False
        named = (("jti", claims.token_id), ("sub", claims.subject), ("org", claims.org_id))
        return any(
            until is not None and claims.issued_at <= until for until in map(self._until.get, named)
        )
