"""Delivery to the legacy backend (Convex): one mutation for each document.

Values are encoded by the official client. Its HTTP client is not used: it has no time limit and
makes a connection for each call, which alone would take more of a core than a publisher may. The
requests are the same, byte for byte (tests/integration/publish/test_convex.py).
"""

import json
from collections.abc import Mapping
from typing import Any

from khala_pg.errors import UsageError
from khala_pg.publish.http import Http, Response
from khala_pg.publish.results import DELIVERED, Result, is_transient, retry_after_s
from khala_pg.sqlapi.publish import Update

try:
    import convex
    from convex.values import ConvexInt64, convex_to_json
except ImportError:
    raise UsageError(
        "the client of the legacy backend is not installed",
        "Install it with: pip install 'khala-pg[convex]'.",
    ) from None

ADMIN_KEY = "KHALA_PUBLISH_ADMIN_KEY"
TOKEN = "KHALA_PUBLISH_TOKEN"  # noqa: S105 - the name of a variable

_OK = 200
_FUNCTION_FAILED = 560
# Wrong address or credential: a fault of the settings, not of the document.
_MISCONFIGURED = frozenset({401, 403, 404})
_MAX_SAFE = 2**53
_MAX_INT64 = 2**63
# Errors of the backend itself that it reports as those of the function.
_TRANSIENT_ERRORS = (
    "OptimisticConcurrencyControlFailure",
    "TooManyConcurrentRequests",
    "InternalServerError",
    "ExpiredInQueue",
    "SystemTimeoutError",
    "Overloaded",
)


class Convex:
    """Sender of mutations."""

    def __init__(self, http: Http, url: str, environment: Mapping[str, str]) -> None:
        """Raises UsageError when the environment has no credential."""
        self._http = http
        self._url = f"{url.rstrip('/')}/api/mutation"
        self._headers = {
            "Convex-Client": f"python-{convex.__version__}",
            "Content-Type": "application/json",
            "Authorization": authorization(environment),
        }

    async def deliver(self, update: Update) -> Result:
        """The result of one try."""
        args: dict[str, Any] = {"document_id": update.doc_key}
        if not update.deleted:
            args["summary"] = update.payload
        try:
            body = request_body(update.target, args)
        except ValueError as error:
            return Result("refused", f"the document cannot be encoded: {error}")
        response = await self._http.post(self._url, body, self._headers)
        return response if isinstance(response, Result) else judged(response)


def authorization(environment: Mapping[str, str]) -> str:
    """The header for the credential that the environment has. Raises UsageError for none."""
    key, token = environment.get(ADMIN_KEY), environment.get(TOKEN)
    if key and token:
        raise UsageError(f"{ADMIN_KEY} and {TOKEN} are both set", "Set one of them.")
    if not (key or token):
        raise UsageError(
            "the environment has no credential for the legacy backend",
            f"Set {ADMIN_KEY} to its admin key, or {TOKEN} to a bearer token.",
        )
    value = f"Convex {key}" if key else f"Bearer {token}"
    if not (value.isascii() and value.isprintable()):
        raise UsageError(
            f"{ADMIN_KEY if key else TOKEN} has characters that no header can carry",
            "Set it to the credential alone, without line breaks.",
        )
    return value


def request_body(path: str, args: Mapping[str, Any]) -> bytes:
    """The body of a call. Raises ValueError for what the backend has no value for."""
    encoded = convex_to_json(_integers(dict(args)))
    return json.dumps(
        {"path": path, "format": "convex_encoded_json", "args": encoded}, allow_nan=False
    ).encode()


def _integers(value: Any) -> Any:
    """A value with integers that a double may not hold as Int64; JSON's other numbers are doubles
    whatever they look like."""
    match value:
        case bool():
            return value
        case int() if abs(value) > _MAX_SAFE:
            return ConvexInt64(value) if -_MAX_INT64 <= value < _MAX_INT64 else float(value)
        case dict():
            return {name: _integers(item) for name, item in value.items()}
        case list():
            return [_integers(item) for item in value]
    return value


def judged(response: Response) -> Result:
    """The result that a response means."""
    try:
        found = json.loads(response.body)
    except ValueError:
        found = None
    status = response.status
    match found:
        case {"status": "success"} if status == _OK:
            return DELIVERED
        case {"status": "error", "errorMessage": str(message)} if status in {_OK, _FUNCTION_FAILED}:
            is_backend = "errorData" not in found and any(
                name in message for name in _TRANSIENT_ERRORS
            )
            return Result("failed" if is_backend else "refused", message)
        case {"code": str(code), "message": str(message)}:
            said = f"HTTP {status} {code}: {message}"
        case _:
            said = f"HTTP {status}, with a body that is no response of the backend"
    if is_transient(status) or status in _MISCONFIGURED or status < 400:
        return Result("failed", said, retry_after_s(response.retry_after))
    return Result("refused", said)
