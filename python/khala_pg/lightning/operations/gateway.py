"""Client of the gateway, which sells what is deployed, and of the wallet that pays it."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from khala_pg.lightning.operations.configuration import GatewaySettings
from khala_pg.lightning.operations.errors import CallFailedError, OpsError
from khala_pg.lightning.operations.http import Http, failed, json_object, repeated

_PREIMAGE = re.compile(r"[0-9a-f]{64}")
_CHALLENGE = re.compile(r'^(?:L402|LSAT)\s+.*?macaroon="([^"]+)".*?invoice="([^"]+)"', re.I | re.S)


@dataclass(frozen=True)
class Deployment:
    """What the gateway says that it runs."""

    deployment_id: str
    config_hash: str


@dataclass(frozen=True)
class Challenge:
    """What a request without payment is answered with: status 402 and an invoice."""

    macaroon: str = field(repr=False)
    invoice: str


@dataclass(frozen=True)
class Payment:
    """A paid invoice. The preimage is its proof, and is shown nowhere."""

    invoice: str
    preimage: str = field(repr=False)

    @property
    def payment_hash(self) -> str:
        return hashlib.sha256(bytes.fromhex(self.preimage)).hexdigest()


@dataclass(frozen=True)
class Gateway:
    """Gateway and wallet at the addresses of the settings."""

    http: Http
    settings: GatewaySettings

    async def active(self) -> Deployment | None:
        """The deployment in force, or None."""
        response = await self._ops("GET", "/ops/deployment", safe=True, allowed=(404,))
        if response.status_code == httpx.codes.NOT_FOUND:
            return None
        body = json_object(response)
        if body is None:
            raise _garbage(response, "GET /ops/deployment")
        found = body.get("deployment", body) or {}
        if not isinstance(found, dict):
            raise _garbage(response, "GET /ops/deployment")
        match found.get("deploymentId"), found.get("configHash"):
            case str(deployment_id), str(config_hash):
                return Deployment(deployment_id, config_hash)
            case None, None:
                return None
        raise _garbage(response, "GET /ops/deployment")

    async def deploy(self, deployment: Deployment, config_yaml: str) -> None:
        body = {**_named(deployment), "configYaml": config_yaml}
        response = await self._ops("POST", "/ops/deploy", body)
        if response.content and json_object(response) is None:
            raise _garbage(response, "POST /ops/deploy")

    async def roll_back(self, previous: Deployment) -> None:
        """Puts a deployment of before in force again."""
        response = await self._ops("POST", "/ops/rollback", _named(previous))
        if response.content and json_object(response) is None:
            raise _garbage(response, "POST /ops/rollback")

    async def check_health(self) -> None:
        """Waits for the gateway to be healthy, at most as long as a call may take."""
        url = self.settings.base_url + self.settings.health_path

        async def check() -> None:
            response = await self.http.send("GET", url, "the gateway's health")
            if not response.is_success:
                raise CallFailedError(
                    "gateway_unhealthy",
                    f"the gateway's health responded {response.status_code}",
                    "See the gateway's log.",
                    arrived="unknown",
                    status=response.status_code,
                )

        await repeated(check, safe=True, patience_s=self.http.limit_s)

    async def challenge(self) -> Challenge:
        """The challenge of a request without payment."""

        async def request() -> Challenge:
            url = self.settings.challenge_url
            response = await self.http.send("GET", url, "a request without payment")
            if response.status_code != httpx.codes.PAYMENT_REQUIRED:
                raise failed(
                    response,
                    "no_challenge",
                    f"a request without payment was answered {response.status_code}, not 402",
                    "OA_LIGHTNING_OPS_CHALLENGE_URL has to be a route that an active paywall sells"
                    " for more than nothing.",
                )
            found = _CHALLENGE.search(response.headers.get("WWW-Authenticate", ""))
            if found is None:
                raise failed(
                    response,
                    "no_challenge",
                    "status 402 came without an L402 challenge of macaroon and invoice",
                    "See the gateway's configuration of its Lightning node.",
                )
            return Challenge(found[1], found[2])

        return await repeated(request, safe=True)

    async def pay(self, challenge: Challenge) -> Payment:
        """Has the wallet pay the invoice."""
        # Only what never reached the wallet is repeated: an invoice is to be paid once.
        response = await repeated(lambda: self._pay(challenge), safe=False)
        body = json_object(response) or {}
        preimage = str(body.get("preimage", "")).strip().lower()
        if not response.is_success or not _PREIMAGE.fullmatch(preimage):
            raise failed(
                response,
                "not_paid",
                f"the wallet responded {response.status_code} without a preimage",
                "See the wallet's log and its balance.",
            )
        return Payment(challenge.invoice, preimage)

    async def paid_request(self, challenge: Challenge, payment: Payment | None) -> None:
        """A request with payment, which is answered with 2xx. payment: None: a proxy pays."""
        headers = {}
        if payment is not None:
            headers["Authorization"] = f"L402 {challenge.macaroon}:{payment.preimage}"

        async def request() -> None:
            url = self.settings.proxy_url
            response = await self.http.send("GET", url, "a paid request", headers=headers)
            if not response.is_success:
                raise failed(
                    response,
                    "paid_request_refused",
                    f"a paid request was answered {response.status_code}, not 2xx",
                    "See whether the upstream of the route works. Without a wallet,"
                    " OA_LIGHTNING_OPS_PROXY_URL has to be a proxy that pays.",
                )

        await repeated(request, safe=True)

    async def _pay(self, challenge: Challenge) -> httpx.Response:
        token = self.settings.wallet_token
        return await self.http.send(
            "POST",
            self.settings.wallet_url,
            "the wallet",
            headers={"Authorization": f"Bearer {token}"} if token else {},
            body={"invoice": challenge.invoice},
        )

    async def _ops(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        safe: bool = False,
        allowed: tuple[int, ...] = (),
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.settings.ops_token}"}

        async def request() -> httpx.Response:
            what = f"the gateway ({method} {path})"
            url = self.settings.base_url + path
            response = await self.http.send(method, url, what, headers=headers, body=body)
            if response.is_success or response.status_code in allowed:
                return response
            hint = "See the gateway's log."
            if response.status_code in (httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN):
                hint = "Set OA_LIGHTNING_OPS_GATEWAY_OPS_TOKEN to the gateway's token."
            elif response.status_code in (httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED):
                hint = "See whether OA_LIGHTNING_OPS_GATEWAY_BASE_URL is the gateway's address."
            message = f"{what} responded {response.status_code}"
            raise failed(response, "gateway_refused", message, hint)

        return await repeated(request, safe=safe)


def _named(deployment: Deployment) -> dict[str, Any]:
    return {"deploymentId": deployment.deployment_id, "configHash": deployment.config_hash}


def _garbage(response: httpx.Response, what: str) -> OpsError:
    return failed(
        response,
        "bad_response",
        f"the gateway's response to {what} cannot be read",
        "See whether OA_LIGHTNING_OPS_GATEWAY_BASE_URL is the gateway's address.",
    )
