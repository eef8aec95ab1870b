"""Codex workers and runs that write all the time, whatever fails, and know what was answered."""

import asyncio
import json
import random
import time
from dataclasses import dataclass, field

import psycopg

from khala_pg.sqlapi.roles import RUNTIME

REPEATABLE = (psycopg.OperationalError, psycopg.InterfaceError)
_EVENTS = "SELECT khala.ingest_events(%s)"
_PACE_S = 0.5
_CALL_S = 5


@dataclass
class Workers:
    """Writers of events. acknowledged: last sequence number by (entity, id).

    waits: how long each write took, from its first attempt until it was answered.
    """

    dsn: str
    org: str
    seed: int
    number: int = 12
    acknowledged: dict[tuple[str, str], int] = field(default_factory=dict)
    waits: list[float] = field(default_factory=list)
    repeats: int = 0
    _stopped: bool = False

    async def run(self) -> None:
        """Writes until it is stopped."""
        async with asyncio.TaskGroup() as tasks:
            for n in range(self.number):
                entity = "run" if n % 3 == 0 else "codex_worker"
                tasks.create_task(self._live(entity, f"{entity.partition('_')[0]}-{n:02}", n))

    def stop(self) -> None:
        self._stopped = True

    async def _live(self, entity: str, name: str, n: int) -> None:
        rng = random.Random(f"{self.seed} {name}")
        prefix = "run" if entity == "run" else "worker"
        seq = 0
        connection: psycopg.AsyncConnection[object] | None = None
        try:
            while not self._stopped:
                seq += 1
                event = {
                    **{"entity": entity, "id": name, "seq": seq, "org_id": self.org},
                    **_event(prefix, seq, n, rng),
                }
                began = time.monotonic()
                connection = await self._write(connection, json.dumps([event]))
                self.waits.append(time.monotonic() - began)
                self.acknowledged[entity, name] = seq
                await asyncio.sleep(rng.uniform(0.5, 1.5) * _PACE_S)  # the pace of a worker
        finally:
            if connection is not None:
                await connection.close()

    async def _write(
        self, connection: psycopg.AsyncConnection[object] | None, events: str
    ) -> psycopg.AsyncConnection[object]:
        """An event is written once: it has a sequence number, so that a repeat changes nothing."""
        while True:
            try:
                if connection is None:
                    connection = await psycopg.AsyncConnection.connect(
                        self.dsn,
                        autocommit=True,
                        connect_timeout=_CALL_S,
                        options=f"-c role={RUNTIME} -c statement_timeout={_CALL_S}s",
                    )
                await connection.execute(_EVENTS, [events])
                return connection
            except REPEATABLE:
                self.repeats += 1
                if connection is not None:
                    await connection.close()
                    connection = None
                await asyncio.sleep(0.2)  # back-off while the database is away


def _event(prefix: str, seq: int, n: int, rng: random.Random) -> dict[str, object]:
    if seq == 1:
        payload: dict[str, object] = (
            {"title": f"Task {n}", "command": ["make", "test"]}
            if prefix == "run"
            else {"workspace_ref": f"repo-{n}", "adapter": "app_server"}
        )
        return {"type": f"{prefix}.started", "payload": payload}
    if prefix == "run":
        percent = min(99.0, seq / 2)
        return {
            "type": "run.progress",
            "payload": {"percent": percent, "lines": seq * 10, "last_line": f"[{seq}/400] cc x.o"},
        }
    kind = rng.choice(["heartbeat", "busy", "idle"])
    return {"type": f"worker.{kind}", "payload": {"task": f"step {seq}"} if kind == "busy" else {}}
