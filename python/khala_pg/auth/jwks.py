"""Key sets of other issuers: read from a file or URL, cached, refreshed in the background.

A key set holds public keys only. One that cannot be read, or has no key of use, changes nothing:
the keys known before stay until they are `max_stale_s` old.
"""

import asyncio
import logging
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from khala_pg import strict_json
from khala_pg.auth.claims import MIN_RSA_BITS, STRICT, VerificationKey
from khala_pg.concurrency.single_flight import SingleFlight

logger = logging.getLogger("khala.auth.jwks")

ALGORITHMS = ("RS256", "ES256", "EdDSA")
_MAX_BYTES = 256 * 1024
_TIMEOUT_S = 5.0
_MAX_MISSES = 1000


class JwksError(Exception):
    """A key set cannot be used."""


@dataclass(frozen=True, slots=True)
class JwksSettings:
    """One issuer's key set and how often it is read. Exactly one of url and file is given.

    refresh_s: between reads, with jitter. min_refresh_s: between reads that unknown keys provoke.
    miss_s: how long an unknown key id is remembered as unknown. max_stale_s: how long keys are good
    when the set cannot be read any more. claims: the profile of the issuer's tokens.
    """

    issuer: str
    url: str | None = None
    file: str | None = None
    refresh_s: float = 300.0
    min_refresh_s: float = 10.0
    miss_s: float = 60.0
    max_stale_s: float = 24 * 3600.0
    claims: str = STRICT


def parse(document: object, issuer: str, profile: str = STRICT) -> dict[str, VerificationKey]:
    """The keys of use in a JWKS document. Raises JwksError when there are none."""
    entries = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(entries, list):
        raise JwksError("it is not a JSON object with a list `keys`")
    found: dict[str, VerificationKey] = {}
    skipped: list[str] = []
    for entry in entries:
        try:
            key = _parse_key(entry, issuer, profile)
        except JwksError as error:
            skipped.append(str(error))
            continue
        if key.kid in found:
            raise JwksError(f"it has the key {key.kid[:64]!r} twice")
        found[key.kid] = key
    if not found:
        raise JwksError("it has no key of use: " + ("; ".join(skipped[:3]) or "it is empty"))
    if skipped:
        logger.info("keys of %s left out: %s", issuer, "; ".join(skipped[:3]))
    return found


def _parse_key(entry: object, issuer: str, profile: str) -> VerificationKey:
    if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or not entry["kid"]:
        raise JwksError("a key has no kid")
    kid = entry["kid"]
    if entry.get("use", "sig") != "sig":
        raise JwksError(f"{kid[:64]!r} is not for signatures")
    alg = entry.get("alg", _usual_algorithm(entry))
    if alg not in ALGORITHMS or _usual_algorithm(entry) != alg:
        raise JwksError(f"{kid[:64]!r} has none of the algorithms {', '.join(ALGORITHMS)}")
    if "d" in entry:
        raise JwksError(f"{kid[:64]!r} is a private key: it is no secret any more, replace it")
    try:
        material = jwt.PyJWK(entry, alg).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError) as error:
        raise JwksError(f"{kid[:64]!r} cannot be read ({type(error).__name__})") from None
    if isinstance(material, RSAPublicKey) and material.key_size < MIN_RSA_BITS:
        raise JwksError(f"{kid[:64]!r} has {material.key_size} bits, {MIN_RSA_BITS} are needed")
    return VerificationKey(kid, alg, material, (issuer,), profile)


def _usual_algorithm(entry: Mapping[str, Any]) -> str | None:
    kinds = {("RSA", None): "RS256", ("EC", "P-256"): "ES256", ("OKP", "Ed25519"): "EdDSA"}
    curve = entry.get("crv") if entry.get("kty") != "RSA" else None
    return kinds.get((str(entry.get("kty")), curve if curve is None else str(curve)))


class KeySet:
    """One issuer's keys as they were read last."""

    def __init__(self, settings: JwksSettings, now: Callable[[], float] = time.monotonic) -> None:
        """now: a clock in seconds."""
        self.settings = settings
        self.reads = 0
        self._now = now
        self._keys: dict[str, VerificationKey] = {}
        self._read_at = float("-inf")
        self._tried_at = float("-inf")
        self._misses: OrderedDict[str, float] = OrderedDict()
        self._reading: SingleFlight[None, None] = SingleFlight()
        self._is_failing = False

    def get(self, kid: str) -> VerificationKey | None:
        """The key as far as it is known."""
        if self._now() - self._read_at > self.settings.max_stale_s:
            return None
        return self._keys.get(kid)

    async def find(self, kid: str) -> VerificationKey | None:
        """The key; the set is read again for one that is not known, though not too often."""
        key = self.get(kid)
        if key is not None:
            return key
        now = self._now()
        missed_at = self._misses.get(kid)
        if missed_at is not None and now - missed_at < self.settings.miss_s:
            return None
        if None not in self._reading and now - self._tried_at < self.settings.min_refresh_s:
            # Not remembered as unknown: it may be a new key that the next read brings.
            return None
        await self.refresh()
        key = self.get(kid)
        if key is None:
            self._misses[kid] = self._now()
            if len(self._misses) > _MAX_MISSES:
                self._misses.popitem(last=False)
        return key

    async def refresh(self) -> None:
        """Reads the set; callers that come while it is read share that read."""
        await self._reading.run(None, self._refresh)

    async def run(self) -> None:
        """Keeps the set fresh until it is cancelled."""
        while True:
            await self.refresh()
            spread = random.uniform(0.8, 1.2)  # noqa: S311 - spreads load, guards nothing
            settings = self.settings
            wait_s = settings.min_refresh_s if self._is_failing else settings.refresh_s
            await asyncio.sleep(wait_s * spread)

    async def _refresh(self) -> None:
        self._tried_at = self._now()
        self.reads += 1
        try:
            found = parse(
                strict_json.loads(await self._read()), self.settings.issuer, self.settings.claims
            )
        except (JwksError, OSError, ValueError, httpx.HTTPError) as error:
            if not self._is_failing:
                self._is_failing = True
                logger.warning(
                    "the key set of %s cannot be read, the keys known before stay: %s",
                    self.settings.issuer,
                    error,
                )
            return
        if self._is_failing:
            self._is_failing = False
            logger.info("the key set of %s can be read again", self.settings.issuer)
        self._keys, self._read_at = found, self._now()
        for kid in found:
            self._misses.pop(kid, None)

    async def _read(self) -> bytes:
        if self.settings.file is not None:
            content = await asyncio.to_thread(Path(self.settings.file).read_bytes)
        else:
            content = await _download(str(self.settings.url))
        if len(content) > _MAX_BYTES:
            raise JwksError(f"it has more than {_MAX_BYTES} bytes")
        return content


async def _download(url: str) -> bytes:
    content = bytearray()
    async with (
        asyncio.timeout(_TIMEOUT_S),
        # A redirect would lead past the address that the operator trusts.
        httpx.AsyncClient(timeout=_TIMEOUT_S, follow_redirects=False) as client,
        # As it is: what unpacks to more than it was is bounded too late.
        client.stream(
            "GET", url, headers={"Accept": "application/json", "Accept-Encoding": "identity"}
        ) as answer,
    ):
        if answer.status_code != httpx.codes.OK:
            raise JwksError(f"{url} responds with status {answer.status_code}")
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) > _MAX_BYTES:
                break
    return bytes(content)
