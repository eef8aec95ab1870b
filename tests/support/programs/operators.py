"""Operators' programs as processes, and all that they work with."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from khala_pg.lightning.operations.smoke.paywalls import SMOKE_PAYWALLS
from support.gateway.gateway import Gateway
from support.gateway.server import serving as serving_gateway
from support.gateway.server import variables
from support.http.control_plane import SECRET, ControlPlane, control_plane
from support.postgres.databases import Database
from support.programs.runs import khala_text

Mode = Literal["mock", "api"]
OWNER = "ann"
PREFIX = "OA_LIGHTNING_OPS_"
CREDENTIALS = {
    f"{PREFIX}CRED_{role}": f"credential-of-{role.lower()}-0123456789"
    for role in ("GATEWAY_INVOICE", "SETTLEMENT_READ", "OPERATOR_ADMIN")
}
PROGRAMS = [
    "compile",
    "reconcile",
    "settlements ingest",
    *(f"smoke {name}" for name in ("compile", "security", "settlement", "staging")),
    "smoke observability",
    "smoke full-flow",
]


@dataclass(frozen=True)
class Ran:
    """End of a program."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one object on standard output."""
        found = json.loads(self.out)
        assert isinstance(found, dict)
        assert found["ok"] is (self.status == 0)
        return found

    @property
    def error(self) -> dict[str, Any]:
        assert self.status == 1, self
        error: dict[str, Any] = self.json["error"]
        return error


async def ran(
    *words: str, environment: Mapping[str, str], cwd: Path, stdin: str = "", limit_s: float = 120
) -> Ran:
    """Runs `khala lightning …` with this environment of operators, and no other."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name[:3] != "OA_" and name[:6] != "KHALA_"
    }
    said = await asyncio.to_thread(
        khala_text,
        *("lightning", *words),
        env={**inherited, **environment},
        cwd=cwd,
        stdin=stdin,
        timeout=limit_s,
    )
    done = Ran(said.returncode, said.stdout, said.stderr)
    assert "Traceback" not in done.out + done.err, done
    return done


@dataclass
class Operators:
    """Everything that an operator has, and the environment that says where it is."""

    plane: ControlPlane
    gateway: Gateway
    environment: dict[str, str]
    directory: Path

    async def run(
        self,
        *words: str,
        mode: Mode = "api",
        stdin: str = "",
        without: tuple[str, ...] = (),
        **changed: str,
    ) -> Ran:
        """Runs a program with --json. without, changed: of the environment, without the prefix."""
        environment = {
            **{name: value for name, value in self.environment.items() if name not in without},
            **{PREFIX + name: value for name, value in changed.items()},
        }
        for name in without:
            environment.pop(PREFIX + name, None)
        words = (*words, "--mode", mode, "--json")
        return await ran(*words, environment=environment, cwd=self.directory, stdin=stdin)

    @property
    def database(self) -> Database:
        return self.plane.database


@asynccontextmanager
async def operators(database: Database, directory: Path) -> AsyncIterator[Operators]:
    """The two smoke paywalls are there, owned by OWNER."""
    gateway = Gateway()
    with database.connect() as connection:
        for body in SMOKE_PAYWALLS:
            connection.execute(
                "SELECT lightning.create_paywall(%s, %s::jsonb, NULL)", (OWNER, json.dumps(body))
            )
    async with AsyncExitStack() as stack:
        plane = await stack.enter_async_context(control_plane(database))
        gateway_url = await stack.enter_async_context(serving_gateway(gateway))
        assert plane.running.addresses.http is not None
        environment = {
            **variables(gateway_url, gateway),
            **CREDENTIALS,
            f"{PREFIX}SECRET": SECRET,
            f"{PREFIX}API_BASE_URL": plane.running.addresses.http,
            "KHALA_WS_URL": plane.running.addresses.ws,
            "KHALA_TOKEN": plane.running.token(OWNER, ("lightning.settlements",)),
            "KHALA_HTTP_URL": plane.running.addresses.http,
        }
        yield Operators(plane, gateway, environment, directory)
