"""Refusal of requests that come without TLS, where that is required."""

from collections.abc import Collection

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from khala_pg.http import errors
from khala_pg.http.edge import Proxies


def secured(app: ASGIApp, proxies: Proxies, open_paths: Collection[str]) -> ASGIApp:
    """The application, for requests that come by TLS, to this relay or to a trusted proxy.

    open_paths: of probes, which hold no secret and seldom have a certificate to check.
    """

    async def secure(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in open_paths:
            await app(scope, receive, send)
            return
        if proxies.client_of(Request(scope)).is_secure:
            await app(scope, receive, send)
            return
        message = "requests are answered with TLS only: use https://"
        await errors.answer("insecure_transport", message)(scope, receive, send)

    return secure
