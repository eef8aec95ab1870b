"""Endpoint and token of the client, requested anew for every connection."""

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

import jwt

from khala_pg.client.errors import TransportError
from khala_pg.concurrency.waiting import within
from khala_pg.errors import KhalaError, UsageError

_SOCKET_PATH = re.compile(r"/(socket|sync)/websocket\b.*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server and the token to show it.

    url: such as ws://127.0.0.1:4000/socket/websocket. http_url: where snapshots and documents are
    read, such as http://127.0.0.1:4001; by default where `url` leads, which answers them too.
    """

    url: str
    token: str = field(repr=False)
    http_url: str = ""

    def __post_init__(self) -> None:
        """Raises UsageError for what can never work."""
        if not self.http_url:
            object.__setattr__(self, "http_url", _origin(self.url))
        for url, schemes in ((self.url, ("ws", "wss")), (self.http_url, ("http", "https"))):
            parts = urlsplit(url)
            if parts.scheme not in schemes or not parts.hostname:
                raise UsageError(f"{url!r} is not an address of the form {schemes[0]}://host:port")
        if not self.token.isascii() or not self.token.isprintable() or " " in self.token:
            raise UsageError("the token holds characters that no token has, such as a line feed")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    scheme = re.sub("^ws", "http", parts.scheme)
    return urlunsplit((scheme, parts.netloc, _SOCKET_PATH.sub("", parts.path), "", ""))


EndpointProvider = Callable[[], Endpoint | Awaitable[Endpoint]]


class Tokens:
    """The provider of endpoints, and the token that is in use now."""

    def __init__(self, provider: Endpoint | EndpointProvider, limit_s: float = 10.0) -> None:
        self._provider = (lambda: provider) if isinstance(provider, Endpoint) else provider
        self._limit_s = limit_s
        self.current = ""
        """The token the server accepted last, or is being shown."""

    @property
    def organisation(self) -> str:
        """The organisation whose documents the current token shows; empty if it is no JWT.

        Not verified here: the server does that.
        """
        try:
            claims = jwt.decode(self.current, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return ""
        return str(claims.get("oa_org_id", ""))

    async def endpoint(self) -> Endpoint:
        """Ask where to connect; its token becomes the current one.

        Raises TransportError when the provider fails or takes too long, and the KhalaError that it
        raises where there is no use in trying again.
        """
        endpoint = await self._ask()
        self.current = endpoint.token
        return endpoint

    async def ask(self) -> str:
        """Ask for a token without making it the current one. Raises as endpoint does."""
        return (await self._ask()).token

    def accept(self, token: str) -> None:
        """The server has taken this token in place of the current one."""
        self.current = token

    async def _ask(self) -> Endpoint:
        try:
            endpoint = self._provider()
            if inspect.isawaitable(endpoint):
                return await within(
                    endpoint, self._limit_s, TransportError, "the endpoint provider"
                )
        except KhalaError:
            raise  # The provider's own: no use in trying again, unless it is a TransportError.
        except Exception as error:
            # Most likely the network, which the provider asks for a token.
            raise TransportError(f"the endpoint provider failed: {error!r}") from error
        return endpoint
