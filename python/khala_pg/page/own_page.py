"""Requests of the page that this relay serves, told from those of other pages."""

from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.requests import Request

from khala_pg.auth.issuer import IssuerError
from khala_pg.http.edge import is_loopback_url

# A tunnel that makes this machine's port public writes one of them, whatever Host it sends.
_FORWARDED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host")


def require_own_page(request: Request) -> None:
    """Raises IssuerError for a request that a page of another origin makes.

    A browser says whose page asks; one that does not say it names the page's origin at least. A
    program that is no browser says neither, and has no cookie that was not given to it.
    """
    headers = request.headers
    site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
    if site is not None:
        is_own = site in ("same-origin", "none")
    else:
        is_own = origin is None or _authority(origin) == headers.get("Host")
    if not is_own:
        message = "only the page that this relay serves may come here"
        raise IssuerError(HTTPStatus.FORBIDDEN, "forbidden_origin", message)


def is_local(request: Request) -> bool:
    """Whether client and address are this machine: no name and no proxy was made to lead here."""
    if any(name in request.headers for name in _FORWARDED):
        return False
    is_near = request.client is not None and is_loopback_url(f"//{request.client.host}")
    return is_near and is_loopback_url(f"//{request.headers.get('Host', '')}")


def _authority(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None
