"""Turns updates into documents: payloads fetched where there is only a pointer, hashes verified."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from khala_pg.canonical import NotIJsonError, hash_text, payload_hash
from khala_pg.client.documents import Document, Update
from khala_pg.client.errors import (
    ClientError,
    HydrationBehindError,
    PayloadHashMismatchError,
    RetryLaterError,
    TransportError,
)
from khala_pg.client.http_api import HttpApi
from khala_pg.concurrency.backoff import Backoff

_TRIES = 5
_AT_ONCE = 4

_T = TypeVar("_T")
Known = Callable[[str, str], Document | None]


@dataclass(frozen=True, slots=True)
class Resolved:
    """Result of some updates: no document keeps the others from being shown."""

    documents: list[Document]
    missing: list[tuple[Update, ClientError]]
    """Updates whose payload could not be had, and why."""


@dataclass(slots=True)
class Resolver:
    """Fetches a few documents at a time, and asks for snapshots a few times before it gives up."""

    _api: HttpApi
    _backoff: Backoff
    _on_retry: Callable[[Exception], None]
    """Called with the error before each further try."""

    async def resolve(
        self, updates: Sequence[Update], known: Known = lambda topic, doc_key: None
    ) -> Resolved:
        """The documents of some updates, in their order.

        Left out are pointers to what is `known` or superseded already, and to documents that are
        gone: a tombstone follows.
        """
        missing: list[tuple[Update, ClientError]] = []
        last = {(update.topic, update.doc_key): update for update in updates}
        turnstile = asyncio.Semaphore(_AT_ONCE)

        async def one(update: Update) -> Document | None:
            document = _verified(update)
            if document is not None:
                return document
            if last[update.topic, update.doc_key] is not update:
                return None
            kept = known(update.topic, update.doc_key)
            if kept is not None and kept.order >= update.order:
                return None
            async with turnstile:
                try:
                    return await self._fetch(update)
                except ClientError as error:
                    missing.append((update, error))
                    return None

        documents = [d for d in await _all([one(update) for update in updates]) if d is not None]
        return Resolved(documents, missing)

    async def patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        """Ask again while the server cannot be reached; the last failure is raised."""
        for attempt in range(_TRIES):
            try:
                return await ask()
            except TransportError as error:
                if attempt == _TRIES - 1:
                    raise
                await self.pause(attempt, error)
        raise AssertionError("unreachable")

    async def pause(self, attempt: int, error: Exception) -> None:
        """Report the error and wait before try number `attempt` (0 is the first retry)."""
        self._on_retry(error)
        wait = error.retry_after if isinstance(error, RetryLaterError) else 0.0
        await asyncio.sleep(self._backoff.delay(attempt, at_least=wait))

    async def _fetch(self, announced: Update) -> Document | None:
        found = await self._api.document(announced.topic, announced.doc_key)
        if found is None:
            return None
        if found.order < announced.order:
            raise HydrationBehindError(
                f"{announced.topic} {announced.doc_key}: version {announced.doc_version} was "
                "announced, the server still has an older one"
            )
        document = _verified(found)
        if document is None:
            raise _mismatch(found)
        if document.order == announced.order and document.payload_hash != announced.payload_hash:
            raise _mismatch(announced, document.payload_hash)
        return document


def _verified(update: Update) -> Document | None:
    """The update as a document; None if its payload is missing or is not what was announced."""
    if not update.deleted and (update.payload is None or _hash(update) != update.payload_hash):
        return None
    return Document(
        topic=update.topic,
        doc_key=update.doc_key,
        doc_version=update.doc_version,
        watermark=update.watermark,
        payload_hash=update.payload_hash,
        deleted=update.deleted,
        payload=update.payload,
    )


def _hash(update: Update) -> bytes | None:
    if update.payload_bytes is not None:
        return hashlib.sha256(update.payload_bytes).digest()
    if update.payload is None:
        return None
    try:
        return payload_hash(update.payload)
    except NotIJsonError:
        return None


def _mismatch(update: Update, found: bytes | None = None) -> PayloadHashMismatchError:
    digest = found if found is not None else _hash(update)
    return PayloadHashMismatchError(
        update.topic,
        update.doc_key,
        expected=hash_text(update.payload_hash),
        found="none: it is not I-JSON" if digest is None else hash_text(digest),
    )


async def _all(work: Sequence[Awaitable[_T]]) -> list[_T]:
    """Like gather, but nothing outlives a failure; the first failure is raised as it is."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        return [await task for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
