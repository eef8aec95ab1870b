"""Tokens of the desktop surface, and the lane that `khala flags` has for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Literal

import httpx

from khala_pg import strict_json
from khala_pg.client import Endpoint, TransportError, UnauthorizedError
from khala_pg.desktop.settings import Place

SURFACE = "desktop"
Lane = Literal["khala", "legacy"]
REFUSED_S = 60.0
"""How long a key that the relay has refused is not sent again."""
_LOOK_S = 1.0


class Credentials:
    """Signs in: gives the endpoint for each connection, and remembers its token."""

    def __init__(self, http: httpx.AsyncClient, place: Callable[[], Place]) -> None:
        self._http = http
        self._place = place
        self._last: Endpoint | None = None
        self._refused_key = ""
        self._refused_until = 0.0

    async def endpoint(self) -> Endpoint:
        """The relay with a token that is as new as can be had.

        Raises TransportError when the relay cannot exchange the API key now, and
        UnauthorizedError when it refuses the key, or has refused it within the last minute.
        """
        place = self._place()
        token = await self._exchange(place) if place.api_key else place.token
        self._last = Endpoint(place.ws, token, place.http)
        return self._last

    async def last(self) -> Endpoint:
        """The endpoint with the token that was given out last. Raises as `endpoint` does."""
        return self._last or await self.endpoint()

    async def wait_after_refusal(self) -> None:
        """Returns when there is another key, or the one that was refused may be tried again."""
        while True:
            if not self._is_refused(self._place()):
                return
            await asyncio.sleep(_LOOK_S)

    def _is_refused(self, place: Place) -> bool:
        return place.api_key == self._refused_key and time.monotonic() < self._refused_until

    async def _exchange(self, place: Place) -> str:
        if self._is_refused(place):
            raise _refusal()
        headers = {"Authorization": f"Bearer {place.api_key}"}
        try:
            response = await self._http.post(f"{place.http}/api/sync/token", headers=headers)
        except httpx.HTTPError as error:
            raise TransportError(f"the API key cannot be exchanged: {error!r}") from error
        if response.status_code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            self._refused_key = place.api_key
            self._refused_until = time.monotonic() + REFUSED_S
            raise _refusal()
        try:
            token = strict_json.loads(response.content)["data"]["token"]
        except (ValueError, KeyError, TypeError):
            token = None
        if not isinstance(token, str):
            raise TransportError(f"POST /api/sync/token responded {response.status_code}")
        return token


def _refusal() -> UnauthorizedError:
    return UnauthorizedError(
        "the relay refuses the API key",
        "Make another one with `khala key create` and start again with it. This one is tried again "
        "every minute.",
    )


class Flag:
    """The surface's flag. An unchanged one costs an empty response."""

    def __init__(self, http: httpx.AsyncClient, credentials: Credentials) -> None:
        self._http = http
        self._credentials = credentials
        self._etag = ""

    async def read(self) -> Lane | None:
        """The lane, if the flag can be read, is there, and has changed."""
        response = await self._get(self._credentials.last)
        if response is not None and response.status_code == HTTPStatus.UNAUTHORIZED:
            response = await self._get(self._credentials.endpoint)
        if response is None or response.status_code != HTTPStatus.OK:
            return None
        self._etag = response.headers.get("ETag", "")
        try:
            lane = strict_json.loads(response.content)["flags"].get(SURFACE)
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
        return lane if lane in ("khala", "legacy") else None

    async def _get(self, endpoint: Callable[[], Awaitable[Endpoint]]) -> httpx.Response | None:
        try:
            at = await endpoint()
            headers = {"Authorization": f"Bearer {at.token}"}
            if self._etag:
                headers["If-None-Match"] = self._etag
            return await self._http.get(f"{at.http_url}/api/sync/flags", headers=headers)
        except (httpx.HTTPError, TransportError, UnauthorizedError):
            # The window shows by the connection that the relay is away, or refuses.
            return None
