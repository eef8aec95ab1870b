"""The admin page, and the session that a page of `khala dev` signs in with.

Off unless configured: a relay serves neither by itself.
"""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Mount
from starlette.staticfiles import StaticFiles

from khala_pg.http import errors
from khala_pg.http.edge import is_loopback_url
from khala_pg.http.paths import OwnPath

_Scope = MutableMapping[str, Any]
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]

_SHOWN = ("ws", "http", "token", "organisation")
_SESSION_PATH = "/dev/session.json"

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


def page_routes(web_dir: Path, session_file: Path | None) -> list[BaseRoute]:
    """Routes of the built page in `web_dir`; they take every path, so they come last.

    session_file: the dev.json of a `khala dev`, read at every request because it is written after
    the relay has started; None: pages get no session.
    """
    mount = Mount("/", _Page(directory=web_dir, html=True))
    if session_file is None:
        return [mount]
    file = session_file

    async def session(request: Request) -> Response:
        return await _session(request, file)

    return [OwnPath(_SESSION_PATH, session), mount]


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


async def _session(request: Request, file: Path) -> Response:
    """The addresses and the development token, for a page of this server only.

    The token reads everything of the development database, so neither a page of another origin
    gets it (a browser says whose page asks) nor one whose name was made to lead here (it asks for
    a host that is not this machine).
    """
    ours = request.headers.get("Sec-Fetch-Site", "same-origin") in ("same-origin", "none")
    local = request.client is not None and is_loopback_url(f"//{request.client.host}")
    if not (ours and local and is_loopback_url(f"//{request.headers.get('Host', '')}")):
        return errors.answer("not_found", "only pages of this server get its session")
    try:
        state = json.loads(await anyio.Path(file).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return errors.unavailable("khala dev is still starting", 1.0)
    return JSONResponse({name: state[name] for name in _SHOWN}, headers=errors.NO_STORE)
