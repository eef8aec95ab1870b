"""A codex worker that gives each request to a command."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, TypeVar

import psycopg

from khala_pg import strict_json
from khala_pg.concurrency.backoff import Backoff
from khala_pg.connections import AsyncConnection, connect_async
from khala_pg.errors import KhalaError, UnavailableError, from_psycopg
from khala_pg.sqlapi import runtime as sqlapi
from khala_pg.sqlapi.roles import RUNTIME, explained

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

MAX_OUTPUT_CHARACTERS = 100_000
"""Output that is no JSON object and is kept of a command."""


@dataclass(frozen=True)
class Worker:
    """A worker: who it is, and the command that gets each request as JSON."""

    database: str
    worker_id: str
    org_id: str
    started: dict[str, Any]
    command: Sequence[str]
    heartbeat_s: float
    poll_s: float


@dataclass
class Agent:
    """The process of one worker. say: called with a line for each thing that happens."""

    worker: Worker
    interrupted: asyncio.Event
    say: Callable[[str], None]
    _connection: AsyncConnection | None = field(default=None, init=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def run(self) -> None:
        """Serves requests until a stop is requested, or `interrupted` is set.

        Raises KhalaError for what trying again does not help.
        """
        try:
            await self._append("started", self.worker.started)
            await self._append("heartbeat", {})
            self.say("started")
            reason = await self._serve_with_heartbeats()
            await self._append("stopped", {"reason": reason})
            self.say(f"stopped: {reason}")
        finally:
            await self._disconnect()

    async def _serve_with_heartbeats(self) -> str:
        try:
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(self._beat())
                reason = await self._serve()
                beating.cancel()
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return reason

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self.worker.heartbeat_s)
            await self._append("heartbeat", {})

    async def _serve(self) -> str:
        """Serves requests; the reason to stop."""
        while not self.interrupted.is_set():
            found = await self._call(sqlapi.codex_worker_requests, self.worker.worker_id)
            for request in found:
                if self.interrupted.is_set():
                    break
                if request.action == "stop":
                    await self._acknowledge(request.seq, "done", {})
                    return request.reason or "requested"
                await self._append("busy", {"task": f"request {request.seq}"})
                outcome, response = await self._give(request.request)
                await self._acknowledge(request.seq, outcome, response)
                await self._append("idle", {})
                self.say(f"request {request.seq}: {outcome}")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.worker.poll_s):
                    await self.interrupted.wait()
        return "interrupted"

    async def _give(self, request: Any) -> tuple[str, dict[str, Any]]:
        """Gives a request to the command: outcome and response."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self.worker.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # A Ctrl-C reaches the worker, which ends the command.
                start_new_session=True,
            )
        except OSError as error:
            return "refused", {"error": f"{self.worker.command[0]}: {error.strerror}"}
        ending = asyncio.create_task(self._end_when_interrupted(process))
        try:
            output, _ = await process.communicate(json.dumps(request).encode())
        finally:
            ending.cancel()
        response = _response(output)
        if process.returncode:
            return "refused", {**response, "exit_code": process.returncode}
        return "done", response

    async def _end_when_interrupted(self, process: asyncio.subprocess.Process) -> None:
        await self.interrupted.wait()
        process.terminate()

    async def _append(self, verb: str, payload: dict[str, Any]) -> None:
        worker = self.worker
        call = sqlapi.append_codex_worker_event
        await self._call(call, worker.worker_id, f"worker.{verb}", payload, worker.org_id)

    async def _acknowledge(self, seq: int, outcome: str, response: dict[str, Any]) -> None:
        call = sqlapi.acknowledge_codex_worker_request
        await self._call(call, self.worker.worker_id, seq, outcome, response)

    async def _call(
        self,
        call: Callable[Concatenate[AsyncConnection, Arguments], Awaitable[Result]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """One call, tried until the database is there; after an interruption once more."""
        backoff = Backoff(0.25, 5.0)
        async with self._turn:
            while True:
                try:
                    if self._connection is None:
                        name = "khala worker"
                        self._connection = await connect_async(
                            self.worker.database, application_name=name
                        )
                    async with explained(self._connection, RUNTIME):
                        return await call(self._connection, *args, **kwargs)
                except (UnavailableError, psycopg.Error) as error:
                    known = error if isinstance(error, KhalaError) else from_psycopg(error)
                    if not isinstance(known, UnavailableError):
                        raise
                    await self._disconnect()
                    if self.interrupted.is_set():
                        raise known from error
                    self.say(f"{known}; trying again")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(backoff.next_s()):
                        await self.interrupted.wait()

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


def _response(output: bytes) -> dict[str, Any]:
    """The JSON object that a command wrote, or what else it wrote."""
    try:
        document = strict_json.loads(output)
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document
    text = output.decode(errors="replace").replace("\x00", "")[:MAX_OUTPUT_CHARACTERS]
    return {"output": text} if text else {}
