"""Mode `convex`: the control plane of the legacy backend, through its official client.

The way back while operators move. Nothing else in this package knows of it but `open`.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import requests
from convex import ConvexError
from convex.http_client import ConvexExecutionError, ConvexHttpClient

from khala_pg.concurrency.waiting import within
from khala_pg.lightning.operations.errors import Arrived, CallFailedError
from khala_pg.lightning.operations.http import PASSING
from khala_pg.lightning.operations.transports.interface import Args, Kind


@dataclass(frozen=True)
class ConvexTransport:
    """Deployment of the legacy backend. limit_s: of a call."""

    url: str
    limit_s: float

    async def call(self, kind: Kind, function: str, args: Args) -> dict[str, Any]:
        # A client is for one thread, and a call that came too late still holds its thread.
        client = ConvexHttpClient(self.url)
        send = client.query if kind == "query" else client.mutation
        what = f"the legacy control plane ({function})"

        def late(message: str) -> CallFailedError:
            hint = "See whether it is overloaded, or raise --timeout."
            return CallFailedError("timeout", message, hint, arrived="unknown")

        result = within(_in_thread(lambda: send(function, dict(args))), self.limit_s, late, what)
        try:
            found = _whole_numbers(await result)
        except ConvexError as error:
            raise _refusal(what, error.data) from error
        except ConvexExecutionError as error:
            raise CallFailedError("refused", f"{what}: {error}", arrived="yes") from error
        except requests.exceptions.HTTPError as error:
            status = 0 if error.response is None else error.response.status_code
            raise _failed(status, what) from error
        except requests.exceptions.ConnectionError as error:
            raise _unreachable(what, "it cannot be reached") from error
        # The client raises what it likes for the rest, an overloaded deployment among it.
        except (OSError, ValueError) as error:
            raise CallFailedError("refused", f"{what}: {error}", arrived="yes") from error
        except Exception as error:
            if isinstance(error, CallFailedError):
                raise
            raise _unreachable(what, str(error)) from error
        if not isinstance(found, dict):
            raise CallFailedError("bad_response", f"{what}: no object", arrived="yes")
        return found


async def _in_thread(call: Callable[[], Any]) -> Any:
    """The result of a call that may hang: its thread keeps nothing from ending."""
    loop = asyncio.get_running_loop()
    result: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if result.done():
            return
        if error is None:
            result.set_result(value)
        else:
            result.set_exception(error)

    def run() -> None:
        value, raised = None, None
        try:
            value = call()
        except Exception as error:
            raised = error
        # The program may have ended meanwhile.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, raised)

    threading.Thread(target=run, daemon=True).start()
    return await result


def _failed(status: int, what: str) -> CallFailedError:
    """The error of a response that is not the legacy backend's own."""
    hint = "Check OA_LIGHTNING_OPS_CONVEX_URL."
    arrived: Arrived = "unknown" if status in PASSING else "yes"
    message = f"{what} responded {status} without saying why"
    return CallFailedError("bad_response", message, hint, arrived=arrived)


def _refusal(what: str, data: Any) -> CallFailedError:
    said = data if isinstance(data, dict) else {"message": str(data)}
    code, message = str(said.get("code", "refused")), str(said.get("message", ""))
    hint = str(said.get("hint", ""))
    return CallFailedError(code, f"{what}: {message} ({code})", hint, arrived="yes")


def _unreachable(what: str, said: str) -> CallFailedError:
    return CallFailedError(
        "unreachable",
        f"{what}: {said}",
        "Check OA_LIGHTNING_OPS_CONVEX_URL and that the deployment runs.",
        arrived="unknown",
    )


def _whole_numbers(value: Any) -> Any:
    """The value with integers where the legacy backend has doubles that are whole."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            return {name: _whole_numbers(each) for name, each in value.items()}
        case list():
            return [_whole_numbers(each) for each in value]
    return value
