"""The two control planes of the Lightning drill, each with a gateway, and programs run on them."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from drills.machine import Machine
from drills.standin import Legacy, legacy
from khala_pg.lightning.operations.smoke.paywalls import SMOKE_PAYWALLS
from khala_pg.migration.migrate import migrate
from khala_pg.postgres.server import PostgresServer
from support.gateway.gateway import Gateway
from support.gateway.server import serving as serving_gateway
from support.gateway.server import variables
from support.legacy.backend import LegacyBackend
from support.legacy.lightning import add_lightning
from support.operators import CREDENTIALS, PREFIX

API, CONVEX = "api", "convex"
OWNER = "dev"
SUITES = ("compile", "security", "settlement", "staging", "observability", "full-flow")
_LIMIT_S = 900


class ProgramFailedError(Exception):
    """A program ended with an error that nothing explains."""


@dataclass
class Lane:
    """A control plane: its mode, its database, its gateway, and what operators have set for it."""

    mode: str
    dsn: str
    gateway: Gateway
    environment: dict[str, str] = field(default_factory=dict)

    async def run(self, *words: str) -> dict[str, Any]:
        """The one object that `khala lightning … --json` prints."""
        process = await asyncio.create_subprocess_exec(
            *("khala", "lightning", *words, "--json"),
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(_LIMIT_S):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        try:
            result: dict[str, Any] = json.loads(out)
        except ValueError as error:
            raise ProgramFailedError(f"{words}: {out.decode()}{err.decode()}") from error
        assert result["ok"] is (process.returncode == 0), result
        return result

    def query(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            return connection.execute(statement.encode(), values).fetchall()


@dataclass
class Lanes:
    """Both lanes, and the legacy backend behind one of them."""

    api: Lane
    convex: Lane
    legacy: Legacy

    @property
    def both(self) -> tuple[Lane, Lane]:
        return self.api, self.convex


@asynccontextmanager
async def lanes(machine: Machine, owner_key: str) -> AsyncIterator[Lanes]:
    """Two control planes with the smoke paywalls. The legacy one has a database of its own."""
    secret = str(machine.dev.ready["lightning_ops_secret"])
    async with AsyncExitStack() as stack:
        home = machine.home / "legacy"
        home.mkdir(mode=0o755)
        server = stack.enter_context(PostgresServer(home))
        dsn = _control_plane(server)
        backend = LegacyBackend()
        add_lightning(backend, dsn, secret)
        standin = await stack.enter_async_context(legacy(backend))
        made = []
        for mode, database in ((API, machine.database), (CONVEX, dsn)):
            gateway = Gateway()
            url = await stack.enter_async_context(serving_gateway(gateway))
            environment = {
                **machine.environment,
                **variables(url, gateway),
                **CREDENTIALS,
                f"{PREFIX}SECRET": secret,
                f"{PREFIX}API_BASE_URL": str(machine.dev.ready["http"]),
                f"{PREFIX}CONVEX_URL": standin.url,
                f"{PREFIX}CONTROL_PLANE_MODE": mode,
                f"{PREFIX}OWNER_KEY": owner_key,
            }
            made.append(Lane(mode, database, gateway, environment))
        yield Lanes(made[0], made[1], standin)


def _control_plane(server: PostgresServer) -> str:
    dsn = server.dsn("khala_legacy")
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE khala_legacy")
    migrate(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("SELECT lightning.set_operators(%s)", [OWNER])
        for body in SMOKE_PAYWALLS:
            create = "SELECT lightning.create_paywall(%s, %s, NULL)"
            connection.execute(create, [OWNER, json.dumps(body)])
    return dsn


def without_legacy(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of operators after the decommission."""
    gone = (f"{PREFIX}CONVEX_URL", f"{PREFIX}CONTROL_PLANE_MODE")
    return {name: value for name, value in environment.items() if name not in gone}


def batch_file(folder: Path, number: int) -> Path:
    return folder / f"batch-{number:05}.jsonl"
