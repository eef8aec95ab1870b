"""Client of the owners' API, with which the smoke checks make their paywalls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx

from khala_pg.lightning.api.operations import OWNERS
from khala_pg.lightning.operations.http import Http, repeated
from khala_pg.lightning.operations.transports.api import refusal


@dataclass(frozen=True)
class OwnerApi:
    """Paywalls of the organisation that a key belongs to."""

    http: Http
    base_url: str
    key: str = field(repr=False)

    async def create(self, body: Mapping[str, Any]) -> None:
        """Creates a paywall. Raises CallFailedError."""
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Idempotency-Key": f"khala-lightning-smoke-{body['paywallId']}",
        }

        async def request() -> None:
            what = f"creating paywall {body['paywallId']}"
            url = self.base_url + OWNERS
            response = await self.http.send("POST", url, what, headers=headers, body=dict(body))
            if response.status_code != httpx.codes.OK:
                raise refusal(response, what)

        await repeated(request, safe=True)
