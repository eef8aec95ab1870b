"""A database that lets everybody in and then answers nothing: no connection breaks, no limit of the
server applies, and still the relay is back as soon as the database is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import psycopg

from support.postgres.databases import Database
from support.relay.client_relay import NOTES, running_relay, sink
from support.trials.waiting import until
from support.wire.caller import joined_when_ready

# The server's last word at a login.
_READY_FOR_QUERY = b"Z\x00\x00\x00\x05I"
# More than hung at once before each attempt had an end.
_ATTEMPTS = 8


@dataclass
class Proxy:
    """Forwards TCP to a server; while `hangs`, a new connection only up to the end of its login."""

    port: int = 0
    hangs: bool = True
    connections: int = 0
    streams: list[asyncio.StreamWriter] = field(default_factory=list)

    def cut(self) -> None:
        for stream in self.streams:
            stream.transport.abort()
        self.streams.clear()

    async def tried(self) -> None:
        """Returns when the relay has tried again and again from now on."""
        enough = self.connections + _ATTEMPTS
        await until(lambda: self.connections >= enough, "the relay tries on")


@asynccontextmanager
async def proxied(host: str, port: int) -> AsyncIterator[Proxy]:
    proxy = Proxy()

    async def accept(reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        proxy.connections += 1
        is_stuck = False
        far_reader, far_stream = await asyncio.open_connection(host, port)
        proxy.streams += [stream, far_stream]

        async def ask() -> None:
            with contextlib.suppress(OSError):
                while data := await reader.read(65536):
                    if not is_stuck:
                        far_stream.write(data)
            far_stream.transport.abort()

        async def answer() -> None:
            nonlocal is_stuck
            with contextlib.suppress(OSError):
                while data := await far_reader.read(65536):
                    is_stuck = is_stuck or (proxy.hangs and data.endswith(_READY_FOR_QUERY))
                    stream.write(data)
            stream.transport.abort()

        await asyncio.gather(ask(), answer())

    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy
        proxy.cut()


async def test_nothing_waits_for_ever(newest_database: Database) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(newest_database.relay_dsn)
    async with proxied("127.0.0.1", int(parts["port"] or 0)) as proxy:
        through = psycopg.conninfo.make_conninfo(
            newest_database.relay_dsn, host="127.0.0.1", port=proxy.port
        )
        async with running_relay(
            through, database_timeout_s=0.3, slow_poll_interval_s=600.0
        ) as relay:
            await proxy.tried()
            proxy.hangs = False
            async with joined_when_ready(relay) as caller:
                assert (await caller.ask("phx_join", {}))[0] == "ok"
                # Three tenths of a second are little for a busy machine's database.
                subscription = {"topics": [NOTES]}
                while (answer := await caller.ask("sync:subscribe", subscription))[0] != "ok":
                    assert "retry_after_ms" in answer[1], answer
                await caller.push("sync:update_batch")
                proxy.hangs = True
                proxy.cut()
                sink(newest_database, "d1", 1, {}, topic=NOTES)
                await proxy.tried()
                proxy.hangs = False
                batch = await caller.push("sync:update_batch")
                assert [update["doc_key"] for update in batch["updates"]] == ["d1"]
