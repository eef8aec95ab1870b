"""The Lightning control plane over HTTP, as its operators and owners call it."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from starlette.requests import Request

from khala_pg.auth import api_keys
from khala_pg.auth.issuer import Identity
from khala_pg.lightning.api.operations import OPERATORS, OWNERS, SECURITY
from khala_pg.sqlapi import admin
from support.postgres.databases import Database
from support.relay.asking import bearer, http
from support.relay.relays import RunningRelay, ready_relay, running_relay

KHALA = str(Path(sys.executable).with_name("khala"))
SECRET = "ops-secret-of-the-tests-5d41402abc4b"
PREIMAGE = "0f" * 32
PAYMENT_HASH = sha256(bytes.fromhex(PREIMAGE)).hexdigest()
PAYWALL = {
    "paywallId": "pw_news",
    "name": "News",
    "policy": {"fixedAmountMsats": 1000},
    "routes": [
        {
            "routeId": "rt_news",
            "hostPattern": "news.example",
            "pathPattern": "/*",
            "upstreamUrl": "https://upstream.example",
            "protocol": "https",
            "priority": 10,
        }
    ],
}


@contextmanager
def serving(dsn: str, secret: str | None) -> Iterator[subprocess.Popen[str]]:
    """`khala lightning serve` on free ports; its first line says where, once it is ready."""
    environment = {name: value for name, value in os.environ.items() if name[:3] != "OA_"}
    environment["KHALA_DATABASE_URL"] = dsn
    if secret is not None:
        environment["OA_LIGHTNING_OPS_SECRET"] = secret
    process = subprocess.Popen(
        [KHALA, "lightning", "serve", "--port=0", "--metrics-port=0", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@dataclass
class ControlPlane:
    """A relay that serves the control plane, and a client of its HTTP side."""

    running: RunningRelay
    client: httpx.AsyncClient
    database: Database

    async def post(self, kind: str, body: Any, **headers: str) -> httpx.Response:
        return await self.client.post(f"{OPERATORS}/{kind}", json=body, headers=headers)

    async def call(self, kind: str, function: str, **args: Any) -> httpx.Response:
        body = {"functionName": function, "args": {"secret": SECRET, **args}}
        return await self.post(kind, body)

    async def query(self, function: str, **args: Any) -> httpx.Response:
        return await self.call("query", function, **args)

    async def mutate(self, function: str, **args: Any) -> httpx.Response:
        return await self.call("mutation", function, **args)

    async def own(
        self, method: str, path: str = "", owner: str = "ann", **more: Any
    ) -> httpx.Response:
        """A request of an owner, with a session."""
        headers = {"X-Owner": owner, **more.pop("headers", {})}
        return await self.client.request(method, OWNERS + path, headers=headers, **more)

    async def switch(self, name: str, args: Any, **headers: str) -> httpx.Response:
        """A request of somebody who is signed in as an operator."""
        return await self.client.post(f"{SECURITY}/{name}", json=args, headers=headers)

    def make_key(self, org: str, *topics: str) -> dict[str, str]:
        """Headers with a new API key."""
        key = api_keys.generate()
        with self.database.connect("dba") as connection:
            admin.create_api_key(connection, key, "test", "shop", org, topics, None, None)
        return bearer(str(key))


async def by_header(request: Request) -> Identity | None:
    """A session of the organisation that a header names, for its paywalls and as an operator."""
    owner = request.headers.get("X-Owner")
    scopes = ("lightning.paywalls", "lightning.operate")
    return None if owner is None else Identity("user", owner, scopes)


@asynccontextmanager
async def control_plane(database: Database, /, **more: Any) -> AsyncIterator[ControlPlane]:
    settings = {
        "database": database.dsn_as("lightning"),
        "lightning_ops_secret": SECRET,
        "http_port": 0,
        "metrics_port": 0,
        **more,
    }
    async with running_relay(database, authenticate_session=by_header, **settings) as running:
        await ready_relay(running)
        async with http(running, timeout=30) as client:
            yield ControlPlane(running, client, database)
