"""HTTP requests of the operators' programs: a time limit for each, and which may be repeated."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx

from khala_pg import strict_json
from khala_pg.client.connection import retry_after_header
from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import within
from khala_pg.lightning.operations.errors import Arrived, CallFailedError

_Result = TypeVar("_Result")

TRIES = 4
# A server that wants to be left alone longer than that is left alone for good.
_LONGEST_WAIT_S = 60.0
PASSING = (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT)


@dataclass(frozen=True)
class Http:
    """HTTP client. limit_s: of a whole response."""

    client: httpx.AsyncClient
    limit_s: float

    async def send(
        self,
        method: str,
        url: str,
        what: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
    ) -> httpx.Response:
        """The response, whatever its status. what: named in errors. Raises CallFailedError."""

        def late(message: str) -> CallFailedError:
            return CallFailedError("timeout", message, _LATE, arrived="unknown")

        try:
            request = self.client.request(method, url, headers=headers, json=body)
            return await within(request, self.limit_s, late, what)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise _unreachable(what, error, "no") from error
        except (httpx.LocalProtocolError, UnicodeError):
            # The words of this error quote the header, which may be a token or a preimage.
            raise CallFailedError(
                "invalid_request",
                f"{what}: the request has characters that HTTP does not allow",
                "See whether an address or a token in OA_LIGHTNING_OPS_* has a line break or a"
                " letter beyond ASCII.",
                arrived="yes",
            ) from None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise _unreachable(what, error, "unknown") from error


async def repeated(
    call: Callable[[], Awaitable[_Result]], *, safe: bool, patience_s: float | None = None
) -> _Result:
    """The result of a call, which is repeated after failures that may pass.

    safe: the call may arrive twice. patience_s: repeated for that long, not for a number of tries.
    Raises CallFailedError.
    """
    loop = asyncio.get_running_loop()
    backoff, started, tries = Backoff(cap=2.0), loop.time(), 0
    while True:
        try:
            return await call()
        except CallFailedError as error:
            tries += 1
            wait = max(error.retry_after_s, backoff.next_s())
            spent = (
                tries >= TRIES if patience_s is None else loop.time() - started + wait > patience_s
            )
            repeatable = error.arrived == "no" or (safe and error.arrived == "unknown")
            if spent or not repeatable or wait > _LONGEST_WAIT_S:
                raise
        await asyncio.sleep(wait)


def failed(
    response: httpx.Response, code: str, message: str, hint: str = "", **details: Any
) -> CallFailedError:
    """The error of a response: one that may pass by its status."""
    arrived: Arrived = "yes"
    wait_s = 0.0
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
        arrived = "no"
    elif response.status_code in PASSING:
        arrived = "unknown"
    if arrived != "yes" and "Retry-After" in response.headers:
        wait_s = retry_after_header(response.headers["Retry-After"])
    return CallFailedError(
        code,
        message,
        hint,
        arrived=arrived,
        retry_after_s=wait_s,
        status=response.status_code,
        **details,
    )


def json_object(response: httpx.Response) -> dict[str, Any] | None:
    """The JSON object of a response; None where it has none."""
    try:
        body = strict_json.loads(response.content)
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


_LATE = "See whether it is overloaded, or raise --timeout."


def _unreachable(what: str, error: Exception, arrived: Arrived) -> CallFailedError:
    said = str(error) or type(error).__name__
    return CallFailedError(
        "unreachable",
        f"{what}: no response: {said}",
        "Check its address and that it runs.",
        arrived=arrived,
    )
