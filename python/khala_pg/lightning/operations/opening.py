"""Control plane, gateway and owners' API as the mode and the environment say."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from khala_pg.lightning.operations.configuration import (
    PREFIX,
    Mode,
    PlaneSettings,
    credentials,
    gateway_settings,
    names_gateway,
    plane_settings,
)
from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.gateway import Gateway
from khala_pg.lightning.operations.http import Http
from khala_pg.lightning.operations.owners import OwnerApi
from khala_pg.lightning.operations.transports import mock
from khala_pg.lightning.operations.transports.api import ApiTransport
from khala_pg.lightning.operations.transports.interface import Transport


@dataclass(frozen=True)
class Surroundings:
    """What a program works with. `gateway` and `credentials` read the environment at their use."""

    mode: Mode
    plane: ControlPlane
    owner: OwnerApi | None
    _http: Http
    _environment: Mapping[str, str] = field(repr=False)

    def gateway(self) -> Gateway:
        """Raises OpsError for what the environment lacks; the mock has a gateway of its own."""
        if self.mode == "mock" and not names_gateway(self._environment):
            client = httpx.AsyncClient(transport=httpx.MockTransport(mock.MockGateway()))
            return Gateway(Http(client, self._http.limit_s), mock.GATEWAY)
        return Gateway(self._http, gateway_settings(self._environment))

    def credentials(self) -> dict[str, str]:
        """Raises OpsError for those that are missing or unusable; the mock has its own."""
        names = [name for name in self._environment if name.startswith(f"{PREFIX}CRED_")]
        if self.mode == "mock" and not names:
            return mock.CREDENTIALS
        return credentials(self._environment)


@asynccontextmanager
async def opened(
    mode: Mode, environment: Mapping[str, str], dev: Mapping[str, Any], limit_s: float
) -> AsyncIterator[Surroundings]:
    """dev: state of a running `khala dev`. limit_s: of a call. Raises OpsError."""
    settings = plane_settings(mode, environment, dev)
    async with httpx.AsyncClient(timeout=limit_s, trust_env=False) as client:
        http = Http(client, limit_s)
        plane = ControlPlane(_transport(settings, http), settings.secret)
        key = environment.get(f"{PREFIX}OWNER_KEY", "").strip()
        owner = OwnerApi(http, settings.url, key) if mode == "api" and key else None
        yield Surroundings(mode, plane, owner, http, environment)


def _transport(settings: PlaneSettings, http: Http) -> Transport:
    if settings.mode == "mock":
        return mock.MockTransport()
    return ApiTransport(http, settings.url)
