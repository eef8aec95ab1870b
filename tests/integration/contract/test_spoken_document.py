"""The examples of docs/protocol/OA_SYNC_WS_MAPPING.md, said to a live relay and compared.

Every message and body in it is also read strictly as the message of the proto that it should be.
"""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from khala_pg.client import binary
from support.documents.spoken_document import Block, as_written, blocks, fill, matches
from support.postgres.databases import Database
from support.relay.client_relay import RelayUnderTest, running_relay
from support.trials.waiting import until
from support.wire.proto_reader import Reader

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/protocol/OA_SYNC_WS_MAPPING.md"
TOPICS = ("runtime.run_summaries", "runtime.notifications", "app.reports")
KINDS = {"sql", "wire", "http"}
REPLIES = {
    "phx_join": "JoinReply",
    "sync:subscribe": "SubscribeReply",
    "sync:unsubscribe": "UnsubscribeReply",
    "sync:heartbeat": "Heartbeat",
    "sync:refresh": "RefreshReply",
}
PUSHES = {
    "sync:update_batch": "UpdateBatch",
    "sync:heartbeat": "Heartbeat",
    "sync:error": "SyncError",
}
UNMATCHED = {"reason": "unmatched topic"}


def tokens(relay: RelayUnderTest) -> dict[str, str]:
    """What the document's names of tokens stand for."""
    return {
        "token": relay.token(scopes=TOPICS, subject="user-1"),
        "new token": relay.token(scopes=TOPICS, subject="user-1", ttl_s=7200),
        "token without app.reports": relay.token(scopes=TOPICS[:2], subject="user-1"),
        "token of somebody else": relay.token(scopes=TOPICS, subject="user-2"),
    }


class Conversation:
    """Says the client's part, and holds the server to its own."""

    def __init__(self, database: Database, relay: RelayUnderTest, stack: AsyncExitStack) -> None:
        self._database = database
        self._relay = relay
        self._stack = stack
        self._sockets: dict[str, ClientConnection] = {}
        self._asked: dict[tuple[str, str | None], str] = {}
        self._known: dict[str, Any] = dict(tokens(relay))
        self._read = Reader()
        self.heard: set[str] = set()

    async def perform(self, block: Block) -> None:
        """One example. Raises AssertionError where the relay says something else."""
        match block.kind:
            case "sql":
                with self._database.connect() as connection:
                    connection.execute("\n".join(block.lines).encode())
            case "http":
                await self._http(block)
            case "wire":
                await self._wire(block)

    def compare(self, expected: str, said: Any) -> None:
        """Compares a message with the JSON text that the document has for it."""
        assert matches(json.loads(expected), said, self._known), as_written(said)

    async def _wire(self, block: Block) -> None:
        name, *options = block.words
        if name not in self._sockets:
            query = "&".join(["vsn=2.0.0", f"token={self._known['token']}", *options])
            self._sockets[name] = await self._stack.enter_async_context(
                connect(f"{self._relay.ws}?{query}", proxy=None)
            )
        socket = self._sockets[name]
        heard: str | bytes = ""
        for line in block.lines:
            mark, _, text = line.partition(" ")
            match mark:
                case ">":
                    await self._send(name, fill(text, self._known))
                case "<":
                    heard = await self._hear(socket, text)
                    self._compare(name, text, heard)
                case "=":
                    kind, _, expected = text.partition(" ")
                    assert isinstance(heard, bytes), line
                    message = self._read.binary(kind, binary.frame(heard).data or b"")
                    said = json_format.MessageToDict(message, preserving_proto_field_name=True)
                    self.compare(expected, said)
                case _:
                    pytest.fail(f"neither >, < nor =: {line}")

    async def _send(self, name: str, text: str) -> None:
        try:
            message = json.loads(text)
        except ValueError:
            message = None
        if isinstance(message, list) and len(message) == 5:
            self._asked[name, message[1]] = message[3]
        await self._sockets[name].send(text)

    async def _hear(self, socket: ClientConnection, expected: str) -> str | bytes:
        async with asyncio.timeout(20):
            try:
                while True:
                    message = await socket.recv()
                    # On a slow machine the server's own heartbeat comes in between.
                    if "sync:heartbeat" in expected or '"sync:heartbeat"' not in str(message):
                        return message
            except ConnectionClosed:
                return f"closed {socket.close_code} {socket.close_reason}"

    def _compare(self, name: str, expected: str, heard: str | bytes) -> None:
        if isinstance(heard, bytes):
            kind, _, digits = expected.partition(" ")
            assert kind == "binary"
            assert bytes.fromhex(digits) == heard, heard.hex(" ")
        elif heard.startswith("closed "):
            assert heard == expected
        else:
            message = json.loads(heard)
            self._read_strictly(name, message)
            self.compare(expected, message)

    def _read_strictly(self, name: str, message: list[Any]) -> None:
        _, ref, _, event, payload = message
        if event == "phx_reply" and payload["response"] not in ({}, UNMATCHED):
            failed = payload["status"] == "error"
            kind = "SyncError" if failed else REPLIES[self._asked[name, ref]]
            self._note(self._read(kind, payload["response"]))
        elif event in PUSHES:
            self._note(self._read(PUSHES[event], payload))

    def _note(self, message: Any) -> None:
        self.heard.add(message.DESCRIPTOR.name)
        if message.DESCRIPTOR.name == "SyncError":
            self.heard.add(message.code)
            self.heard.update(stale.reason for stale in message.stale_topics)

    async def _http(self, block: Block) -> None:
        split = next(place for place, line in enumerate(block.lines) if line.startswith("< "))
        request, *lines = [fill(line, self._known) for line in block.lines[:split]]
        status, *body = block.lines[split:]
        headers = dict(line.split(": ", 1) for line in lines)
        method, path = request.split(" ")
        sockets = self._relay.ws.replace("ws://", "http://")
        base = sockets if "socket" in block.words else self._relay.http
        async with httpx.AsyncClient(trust_env=False) as http:
            answer = await http.request(method, httpx.URL(base).join(path), headers=headers)
        assert answer.status_code == int(status.removeprefix("< ")), answer.text
        kind = "SyncError"
        if answer.status_code == httpx.codes.OK:
            kind = "SnapshotPage" if "/snapshot/" in path else "Update"
        self._note(self._read(kind, answer.text))
        self.compare("".join(body), answer.json())


async def test_examples(database: Database) -> None:
    examples = blocks(DOCUMENT.read_text("utf-8"))
    assert {block.kind for block in examples} == KINDS
    async with (
        running_relay(
            database.relay_dsn, heartbeat_interval_s=15.0, max_retry_after_ms=5_000
        ) as relay,
        AsyncExitStack() as stack,
        httpx.AsyncClient(base_url=relay.http, trust_env=False) as http,
    ):

        async def ready() -> bool:
            return (await http.get("/readyz")).status_code == httpx.codes.OK

        await until(ready, "the relay is ready")
        speaking = Conversation(database, relay, stack)
        for block in examples:
            try:
                await speaking.perform(block)
            except (AssertionError, ValueError, TimeoutError) as error:
                error.add_note(f"in the example at line {block.line_number} of {DOCUMENT.name}")
                raise
    said = {*REPLIES.values(), *PUSHES.values(), "SnapshotPage", "Update"}
    codes = {"stale_cursor", "unauthorized", "forbidden_topic", "bad_subscription", "bad_frame"}
    reasons = {"below_floor", "cursor_ahead", "epoch_changed"}
    assert said | codes | reasons <= speaking.heard
