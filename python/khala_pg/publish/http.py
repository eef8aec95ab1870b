"""Requests to other systems, over connections that are kept.

aiohttp, because a request costs 0.13 ms of processor time with it and, of 64 at once, 4 ms with
httpx (bench/NOTEBOOK.md).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from khala_pg.errors import UsageError
from khala_pg.publish.results import Result

try:
    import aiohttp
except ImportError:
    raise UsageError(
        "the sender is not installed",
        "Install it with: pip install 'khala-pg[convex]' or 'khala-pg[webhook]'.",
    ) from None

# A mutation may return a document of up to 16 MiB.
_MAX_RESPONSE = 17 << 20


@dataclass(frozen=True, slots=True)
class Response:
    """Response of another system: its body up to 17 MiB."""

    status: int
    body: bytes
    retry_after: str | None


class Http:
    """Sender of POST requests, each with a time limit."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Response | Result:
        """The response, or the result of a request that got none."""
        try:
            async with self._session.post(
                url, data=body, headers=headers, allow_redirects=False
            ) as response:
                received = bytearray()
                async for part in response.content.iter_any():
                    received += part
                    if len(received) > _MAX_RESPONSE:
                        # What is not read cannot stay on a connection that is used again.
                        response.close()
                        break
                return Response(
                    response.status, bytes(received), response.headers.get("Retry-After")
                )
        except TimeoutError:
            limit = self._session.timeout.total
            return Result("failed", f"no response within {limit:g} s")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Result("failed", f"the request failed: {error or type(error).__name__}")


@asynccontextmanager
async def http(connections: int, timeout_s: float) -> AsyncIterator[Http]:
    """A sender with at most so many connections."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=connections),
        timeout=aiohttp.ClientTimeout(total=timeout_s),
        cookie_jar=aiohttp.DummyCookieJar(),
    )
    try:
        yield Http(session)
    finally:
        await session.close()
        # aiohttp closes TLS connections in the next turn of the loop.
        await asyncio.sleep(0)
