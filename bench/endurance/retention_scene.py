"""Databases with old rows, writers at a steady rate and followers, for retention.py."""

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from websockets.asyncio.client import connect

from bench.support.databases import new_database
from bench.support.load import PAYLOAD
from bench.support.relay_process import Relaying
from khala_pg.postgres.server import PostgresServer

TOPICS = [f"bench.t{number}" for number in range(8)]
_SINK = """\
\\set key random(1, 200)
\\set version :version + 1
SELECT * FROM khala.sink(
    'bench.t' || :client_id, 'doc/' || :client_id || '/' || :key, :version, :payload
);
"""
# Topics lie mixed in the journal, as they do when they are written at the same time.
_FILL = """
INSERT INTO runtime.sync_stream_events
(topic, watermark, doc_key, doc_version, payload_bytes, payload_hash, payload, inserted_at)
SELECT t.topic, s.i, 'old/' || s.i %% 1000, s.i, octet_length(p.payload),
    sha256(convert_to(p.payload, 'UTF8')), p.payload, %(at)s
FROM (SELECT khala.canonical_json(%(payload)s::jsonb) AS payload) AS p,
    generate_series(%(first)s::bigint, %(last)s::bigint) AS s (i),
    unnest(%(topics)s::text[]) AS t (topic)
ORDER BY s.i
"""
_HEADS = "UPDATE runtime.sync_topic_sequences SET head_watermark = %s WHERE topic = ANY (%s)"

Connection = psycopg.Connection[Any]


class GapError(Exception):
    """A subscriber was not given the watermark that comes next."""


async def follow(relay: Relaying, number: int, head: int) -> None:
    """Follows a topic from its head and misses nothing, until it is cancelled."""
    topic, last = TOPICS[number % len(TOPICS)], head
    url = relay.url("org", [topic], f"follower-{number}")
    request = {"topics": [topic], "resume_after": {topic: head}}
    async with connect(url, max_size=None, compression=None, proxy=None) as socket:
        await socket.send('["1","1","sync:v1","phx_join",{}]')
        await socket.send(json.dumps(["1", "2", "sync:v1", "sync:subscribe", request]))
        async for text in socket:
            frame = json.loads(text)
            if frame[3] == "phx_reply" and frame[4]["status"] != "ok":
                raise RuntimeError(f"refused: {frame}")
            if frame[3] != "sync:update_batch":
                continue
            for update in frame[4]["updates"]:
                if update["watermark"] != last + 1:
                    raise GapError(f"{topic}: {update['watermark']} came after {last}")
                last += 1
    raise ConnectionError("the relay ended a connection")


@dataclass
class Place:
    """One database with its journal and a relay, and old rows in it that can be purged."""

    server: PostgresServer
    name: str
    connection: Connection
    relay: Relaying

    async def write(self, seconds: float, rate: float) -> list[tuple[float, float]]:
        """Sinks at that rate; when each ended, seconds since 1970, and how late, milliseconds."""
        with tempfile.TemporaryDirectory(prefix="khala-bench-") as directory:
            script = Path(directory) / "sink.sql"
            script.write_text(_SINK, encoding="utf-8")
            process = await asyncio.create_subprocess_exec(
                *(self.server.installation.program("pgbench"), "--no-vacuum"),
                *("--protocol=prepared", f"--client={len(TOPICS)}", "--jobs=1"),
                *(f"--time={round(seconds)}", f"--rate={rate}", "--log"),
                f"--log-prefix={directory}/log",
                *(f"--define=version={time.time_ns() // 1000}", f"--define=payload={PAYLOAD}"),
                *(f"--file={script}", self.server.socket_dsn(self.name)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            said, _ = await process.communicate()
            if process.returncode:
                raise RuntimeError(f"pgbench failed: {said.decode()}")
            return await asyncio.to_thread(_read_log, Path(directory))


def head_of(connection: Connection) -> int:
    row = connection.execute(
        "SELECT DISTINCT head_watermark FROM runtime.sync_topic_sequences WHERE topic = ANY (%s)",
        [TOPICS],
    ).fetchall()
    [(head,)] = row
    return int(head)


def fill(connection: Connection, first: int, last: int, at: str) -> None:
    """Rows of every topic with these watermarks, written at that time."""
    connection.execute(
        _FILL, {"topics": TOPICS, "first": first, "last": last, "at": at, "payload": PAYLOAD}
    )
    connection.execute(_HEADS, [last, TOPICS])


@contextmanager
def database(server: PostgresServer, name: str) -> Iterator[Connection]:
    """A database with the topics."""
    with psycopg.connect(new_database(server, name), autocommit=True) as connection:
        for topic in TOPICS:
            connection.execute("SELECT khala.register_topic(%s, p_ownership => 'mixed')", [topic])
        yield connection


def _read_log(directory: Path) -> list[tuple[float, float]]:
    lines = [
        line.split() for file in directory.glob("log.*") for line in file.read_text().splitlines()
    ]
    return [(int(line[4]) + int(line[5]) / 1e6, int(line[2]) / 1000) for line in lines]
