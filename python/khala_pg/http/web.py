"""The files of the admin page. They hold nothing secret: khala_pg.page signs in who opens them."""

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

_Scope = MutableMapping[str, Any]

# Sockets are on another port, which the page learns from its session.
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self' ws: wss:",
        "img-src 'self' data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def page_routes(web_dir: Path) -> list[BaseRoute]:
    """Routes of the built page in `web_dir`; they take every path, so they come last."""
    return [Mount("/", _Page(directory=web_dir, html=True))]


class _Page(StaticFiles):
    async def get_response(self, path: str, scope: _Scope) -> Response:
        response = await super().get_response(path, scope)
        # The build names its files after their content; index.html names them.
        lasting = path.startswith("assets/")
        response.headers["Cache-Control"] = (
            "public, max-age=31536000, immutable" if lasting else "no-cache"
        )
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response
