"""Catching up: a client that was away, and the first sync of a Node client.

    python -m bench.relay.catch_up [--updates 5000] [--documents 20000] [--rounds 5] [--quick]

- A client was away for 5,000 updates of 100 documents of 530 bytes. Counted are the bytes that it
  is sent and the seconds until it has them, with every version and with `compact: true`. The peer
  is a bare server of `websockets`, with no database behind it, that sends the 100 documents as they
  are now, as update messages: less cannot be sent.
- First sync of 20,000 documents of 600 bytes to khala-client in Node, hashes verified. The peer
  is a Node client that parses the same messages, from a bare server, and verifies nothing.

Needs Node and npm; khala-client is built when there is no dist/ of its present source.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import psycopg
from websockets.asyncio.client import ClientConnection, connect

from bench.support.databases import migrated_server
from bench.support.load import PAYLOAD
from bench.support.options import bench_parser, parse_options
from bench.support.processes import bare_pages
from bench.support.relay_clients import ask
from bench.support.relay_process import Relaying, relaying
from bench.support.results import Shown, ratio_text, ratios, save, show, spread
from khala_pg.relay.settings import RelaySettings

_AWAY, _NEW = "bench.away", "bench.new"
_AWAY_DOCUMENTS = 100
_NEW_BYTES = 600
_ORG = "org-a"
_TARGET_BYTES = 100_000
_TARGET_S = 0.8
_BATCH = 1000
_CLIENT = Path(__file__).resolve().parents[2] / "typescript" / "khala-client"
_FIRST_SYNC = Path(__file__).with_name("first_sync.mjs")

Figures = dict[str, dict[str, list[float]]]


def fill(dsn: str, updates: int, documents: int) -> None:
    """Both topics: each document many times in turns, and each once."""
    away = json.loads(PAYLOAD)
    new = {"number": 0, "status": "running", "text": "x" * (_NEW_BYTES - 45)}
    with psycopg.connect(dsn, autocommit=True) as connection:
        for topic, count, keys, payload in (
            (_AWAY, updates, _AWAY_DOCUMENTS, away),
            (_NEW, documents, documents, new),
        ):
            connection.execute("SELECT khala.register_topic(%s, p_ownership => 'mixed')", [topic])
            for first in range(0, count, _BATCH):
                batch = [
                    {
                        "doc_key": f"doc/{n % keys}",
                        "doc_version": n + 1,
                        "payload": {**payload, "number": n},
                        "org_id": _ORG,
                    }
                    for n in range(first, min(first + _BATCH, count))
                ]
                connection.execute(
                    "SELECT count(*) FROM khala.sink_batch(%s, %s::jsonb)",
                    [topic, json.dumps(batch)],
                )
        connection.execute("VACUUM (ANALYZE)")


async def until_head(socket: ClientConnection) -> list[str]:
    """The messages of a replay."""
    found = []
    while True:
        found.append(str(await socket.recv()))
        if '"replay_complete":true' in found[-1]:
            return found


async def replay(relay: Relaying, topic: str, **more: Any) -> tuple[float, list[str]]:
    """Seconds from the request to the last message, and the messages."""
    url = relay.url(_ORG, [topic])
    async with connect(url, max_size=None, compression=None, proxy=None) as socket:
        await ask(socket, "phx_join", {})
        started = time.perf_counter()
        request = {"topics": [topic], "resume_after": {topic: 0}, **more}
        await ask(socket, "sync:subscribe", request)
        found = await until_head(socket)
        return time.perf_counter() - started, found


async def from_bare(port: int) -> tuple[float, int]:
    """Seconds and bytes of what the bare server sends."""
    url = f"ws://127.0.0.1:{port}"
    async with connect(url, max_size=None, compression=None, proxy=None) as socket:
        started = time.perf_counter()
        await socket.send("resume")
        found = await until_head(socket)
        return time.perf_counter() - started, size_of(found)


def forget_pages() -> None:
    """Waits until no page is shared that the relay read for the client before."""
    time.sleep(RelaySettings("").max_shared_page_age_s + 0.1)


def size_of(messages: list[str]) -> int:
    return sum(len(message.encode()) for message in messages)


def current_only(messages: list[str]) -> list[str]:
    """A replay that has the last version of each document and no other, in one message."""
    frames = [json.loads(message) for message in messages]
    updates = {u["doc_key"]: u for frame in frames for u in frame[4]["updates"]}
    frame = frames[-1]
    frame[4]["updates"] = sorted(updates.values(), key=lambda update: int(update["watermark"]))
    return [json.dumps(frame, separators=(",", ":"))]


def away(relay: Relaying, rounds: int) -> Figures:
    """What a client costs that comes back: seconds and bytes of each round."""
    _, everything = asyncio.run(replay(relay, _AWAY))
    found: Figures = defaultdict(lambda: defaultdict(list))
    with bare_pages(current_only(everything)) as bare:
        for turn in range(rounds + 1):
            for name, more in (("every version", {}), ("compact", {"compact": True})):
                forget_pages()
                seconds, messages = asyncio.run(replay(relay, _AWAY, **more))
                if turn:
                    found[name]["seconds"].append(seconds)
                    found[name]["bytes"].append(size_of(messages))
            seconds, size = asyncio.run(from_bare(bare.hello["port"]))
            if turn:
                found["bare"]["seconds"].append(seconds)
                found["bare"]["bytes"].append(size)
    return found


def build_client() -> None:
    """Builds khala-client if its source is newer than what is built."""
    built = _CLIENT / "dist" / "index.js"
    if not built.exists() or built.stat().st_mtime < max(
        file.stat().st_mtime for file in (_CLIENT / "src").rglob("*.ts")
    ):
        if shutil.which("npm") is None:
            raise SystemExit("khala-client is built with npm, which was not found: install Node.js")
        if not (_CLIENT / "node_modules").exists():
            subprocess.run(["npm", "ci", "--loglevel=error"], cwd=_CLIENT, check=True)
        subprocess.run(["npm", "run", "--silent", "build"], cwd=_CLIENT, check=True)


def first_sync(kind: str, ws: str, http: str, token: str, documents: int) -> dict[str, float]:
    """Seconds and processor seconds of a Node process that begins with nothing."""
    done = subprocess.run(
        ["node", str(_FIRST_SYNC), kind, ws, http, _NEW, str(documents)],
        env={**os.environ, "KHALA_TOKEN": token},
        capture_output=True,
        text=True,
        timeout=120,
    )
    if done.returncode or not done.stdout:
        raise RuntimeError(f"{_FIRST_SYNC.name} failed: {done.stderr}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def first_syncs(relay: Relaying, documents: int, rounds: int) -> Figures:
    """What a client costs that has nothing yet."""
    token = relay.token(_ORG, [_NEW], "bench")
    _, everything = asyncio.run(replay(relay, _NEW))
    found: Figures = defaultdict(lambda: defaultdict(list))
    with bare_pages(everything) as bare:
        places = {"khala": relay.ws, "bare": f"ws://127.0.0.1:{bare.hello['port']}"}
        for turn in range(rounds + 1):
            for kind, ws in places.items():
                forget_pages()
                before = relay.child.cpu_s()
                figures = first_sync(kind, ws, relay.http, token, documents)
                if turn:
                    found[kind]["seconds"].append(figures["seconds"])
                    found[kind]["client CPU s"].append(figures["cpu_s"])
                    found[kind]["relay CPU s"].append(relay.child.cpu_s() - before)
    return found


def show_away(options: argparse.Namespace, version: int, found: Figures) -> Shown:
    every, bare = found["every version"], found["bare"]
    if found["compact"]["bytes"] == every["bytes"]:
        print("compact makes no difference: this relay sends every version all the same")
    return show(
        f"Away for {options.updates:,} updates of {_AWAY_DOCUMENTS} documents,"
        f" PostgreSQL {version}",
        ["", "bytes sent", "of bare", "ms", "of bare", "of every version", "target, bytes"],
        [
            [
                name,
                f"{spread(each['bytes'])['median']:,.0f}",
                f"{ratios(each['bytes'], bare['bytes'])['median']:.2f}",
                f"{spread(each['seconds'])['median'] * 1e3:.1f}",
                ratio_text(ratios(each["seconds"], bare["seconds"])),
                ratio_text(ratios(each["seconds"], every["seconds"])),
                f"{_TARGET_BYTES:,}" if name == "compact" else "",
            ]
            for name, each in found.items()
        ],
    )


def show_first(options: argparse.Namespace, version: int, found: Figures) -> Shown:
    bare = found["bare"]
    return show(
        f"First sync of {options.documents:,} documents of {_NEW_BYTES} bytes to Node,"
        f" PostgreSQL {version}",
        ["", "seconds", "min", "max", "of bare", "client CPU s", "relay CPU s", "target, s"],
        [
            [
                name,
                *(f"{spread(each['seconds'])[what]:.2f}" for what in ("median", "min", "max")),
                ratio_text(ratios(each["seconds"], bare["seconds"])),
                f"{spread(each['client CPU s'])['median']:.2f}",
                f"{spread(each['relay CPU s'])['median']:.2f}",
                f"{_TARGET_S}" if name == "khala" else "",
            ]
            for name, each in found.items()
        ],
    )


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--updates", type=int, default=5_000, help="while a client is away")
    parser.add_argument("--documents", type=int, default=20_000, help="of a first sync")
    options = parse_options(parser, rounds=1, updates=1_000, documents=2_000)
    build_client()
    with migrated_server(options.pg_bin) as server:
        version = server.major
        fill(server.dsn(), options.updates, options.documents)
        with relaying(server.dsn(), "--http-port=0") as relay:
            back = away(relay, options.rounds)
            new = first_syncs(relay, options.documents, options.rounds)
    tables = [show_away(options, version, back), show_first(options, version, new)]
    content = {"postgresql": version, "updates": options.updates, "documents": options.documents}
    save(f"catch-up-pg{version}", {**content, "away": back, "first_sync": new}, tables)


if __name__ == "__main__":
    main()
