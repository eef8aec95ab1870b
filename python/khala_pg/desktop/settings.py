"""Settings of the desktop surface: whether it is on, where the relay is, and what it signs in with.

The API key and the token come from the environment or from `khala dev`, never from the command
line, which every user of the machine can read.
"""

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import jwt

from khala_pg.auth import api_keys
from khala_pg.errors import KhalaError, UsageError
from khala_pg.settings import HTTP, TOKEN, WS, dev_state, resolve

ENABLED = "OA_DESKTOP_KHALA_SYNC_ENABLED"
URL = "OA_DESKTOP_KHALA_SYNC_URL"
API_KEY = "KHALA_API_KEY"
# Options would be seen by every user of the machine, or not be there at the next login.
_WS, _HTTP, _TOKEN = (replace(each, option=None) for each in (WS, HTTP, TOKEN))
_ON = frozenset(("true", "1", "yes", "on"))
_OFF = frozenset(("", "false", "0", "no", "off"))


class DisabledError(KhalaError):
    """The desktop surface is switched off."""


@dataclass(frozen=True, slots=True)
class Place:
    """A relay, its page, and the credential: an API key, else a token."""

    ws: str
    http: str
    page: str
    api_key: str = field(repr=False)
    token: str = field(repr=False)

    @property
    def account(self) -> str:
        """Name of the account for its files: a hash of the relay and of who signs in."""
        return hashlib.sha256(f"{self.ws}\n{self._holder()}".encode()).hexdigest()[:16]

    def _holder(self) -> str:
        if self.api_key:
            key = api_keys.parse(self.api_key)
            return self.api_key if key is None else key.key_id
        try:
            # For a name only; the relay verifies it.
            claims = jwt.decode(self.token, options={"verify_signature": False})
        except jwt.InvalidTokenError:
            return self.token
        return f"{claims.get('oa_org_id')}/{claims.get('sub')}"


def require_enabled(environment: Mapping[str, str]) -> None:
    """Raises DisabledError unless the environment switches the surface on, and UsageError for a
    value that says neither."""
    value = environment.get(ENABLED, "").strip().lower()
    if value in _OFF:
        raise DisabledError(
            f"the desktop surface is off: {ENABLED} is {value or 'not set'}",
            f"Set {ENABLED}=true to switch it on.",
        )
    if value not in _ON:
        raise UsageError(
            f"{ENABLED} is {environment[ENABLED]!r}, which is neither true nor false",
            "Set it to true or false.",
        )


def find_place(environment: Mapping[str, str], directory: Path | None = None) -> Place:
    """The relay and the credential that hold now. Raises UsageError when one cannot be found."""
    url = environment.get(URL)
    ws = url or resolve(_WS, None, environment, directory)
    http = environment.get(HTTP.variable)
    state = {} if url else dev_state(environment, directory)
    if not http:
        http = _same_origin(ws) if url else resolve(_HTTP, None, environment, directory)
    page = state.get("page")
    key = environment.get(API_KEY, "")
    return Place(
        ws,
        http,
        page if isinstance(page, str) and page else http,
        key,
        "" if key else resolve(_TOKEN, None, environment, directory),
    )


def state_directory(environment: Mapping[str, str]) -> Path:
    """Directory of the surface's stores. A user without a home gets one for temporary files."""
    state = environment.get("XDG_STATE_HOME")
    try:
        base = Path(state) if state else Path.home() / ".local" / "state"
    except RuntimeError:
        base = Path(tempfile.gettempdir())
    return base / "khala" / "desktop"


def _same_origin(ws: str) -> str:
    """The HTTP address behind the same proxy as a WebSocket address."""
    parts = urlsplit(ws)
    schemes = {"ws": "http", "wss": "https"}
    if parts.scheme not in schemes or not parts.hostname:
        raise UsageError(
            f"{URL} is {ws!r}, which is not an address of the form ws://host:port",
            f"Set {URL} to the relay's WebSocket address.",
        )
    return urlunsplit((schemes[parts.scheme], parts.netloc, "", "", ""))
