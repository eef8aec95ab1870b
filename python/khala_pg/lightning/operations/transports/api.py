"""Mode `api`: the control plane over HTTP."""

from dataclasses import dataclass
from typing import Any

import httpx

from khala_pg.lightning.api.operations import OPERATORS
from khala_pg.lightning.operations.errors import CallFailedError
from khala_pg.lightning.operations.http import Http, failed, json_object
from khala_pg.lightning.operations.transports.interface import Args, Kind

# The server cannot name the setting that its caller has the secret from.
_OTHER_CREDENTIAL = "Set OA_LIGHTNING_OPS_SECRET to the secret that the control plane has."


@dataclass(frozen=True)
class ApiTransport:
    """Control plane at a base URL."""

    http: Http
    base_url: str

    async def call(self, kind: Kind, function: str, args: Args) -> dict[str, Any]:
        response = await self.http.send(
            "POST",
            f"{self.base_url}{OPERATORS}/{kind}",
            f"the control plane ({function})",
            body={"functionName": function, "args": args},
        )
        body = json_object(response)
        if response.status_code == httpx.codes.OK and body is not None:
            return body
        raise refusal(response, function)


def refusal(response: httpx.Response, what: str) -> CallFailedError:
    """The error that a response of the control plane's API stands for."""
    said = (json_object(response) or {}).get("error")
    if not isinstance(said, dict):
        return failed(
            response,
            "bad_response",
            f"{what}: the control plane responded {response.status_code} without saying why",
            "See whether OA_LIGHTNING_OPS_API_BASE_URL is the control plane's address.",
        )
    code, message = str(said.get("code", "")), str(said.get("message", ""))
    hint = _OTHER_CREDENTIAL if code == "invalid_ops_secret" else str(said.get("hint", ""))
    return failed(response, code, f"{what}: {message} ({code})", hint)
