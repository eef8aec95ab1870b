"""The sync protocol over WebSocket: authentication, queries that stay live, mutations.

A client's state is a version of three numbers (query set, time, identity); each Transition leads
from the version it has to the next, with the results that changed.
"""

import asyncio
import base64
import json
import struct
from contextlib import suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from support.legacy.backend import Call, ConvexError, FunctionError, LegacyBackend, TransportError
from support.legacy.values import EncodingError, decode, dumps, encode

Message = dict[str, Any]

INTERNAL_ERROR = 1011


async def serve_sync(backend: LegacyBackend, websocket: WebSocket) -> None:
    """Serves a socket until it closes. A TransportError closes it: the client opens another."""
    await websocket.accept()
    connection = _Connection(backend, websocket)
    backend.watchers[id(connection)] = connection.changed.set
    try:
        async with asyncio.TaskGroup() as tasks:
            pushing = tasks.create_task(connection.push())
            await connection.receive()
            pushing.cancel()
    finally:
        del backend.watchers[id(connection)]


class _Connection:
    def __init__(self, backend: LegacyBackend, websocket: WebSocket) -> None:
        self.changed = asyncio.Event()
        self._backend = backend
        self._websocket = websocket
        self._caller: str | None = None
        self._query_set = self._time = self._identity = 0
        self._queries: dict[int, tuple[str, Message]] = {}
        self._results: dict[int, Message] = {}

    async def push(self) -> None:
        """Sends what other clients' mutations change."""
        with suppress(WebSocketDisconnect):
            while True:
                await self.changed.wait()
                await self._transition()

    async def receive(self) -> None:
        try:
            while True:
                await self._handle(json.loads(await self._websocket.receive_text()))
        except WebSocketDisconnect:
            return
        except (TransportError, EncodingError) as error:
            await self._websocket.close(INTERNAL_ERROR, str(error))

    async def _handle(self, message: Message) -> None:
        match message:
            case {"type": "Connect"} | {"type": "Event"}:
                pass
            case {"type": "Authenticate", "tokenType": kind, "baseVersion": base}:
                await self._authenticate(kind, message.get("value", ""), base)
            case {"type": "ModifyQuerySet", "newVersion": version, "modifications": changes}:
                for change in changes:
                    query_id = change["queryId"]
                    if change["type"] == "Add":
                        self._queries[query_id] = change["udfPath"], decode(change["args"][0])
                    else:
                        del self._queries[query_id]
                await self._transition(query_set=version)
            case {"type": "Mutation", "requestId": request_id, "udfPath": path, "args": [args]}:
                await self._mutate(request_id, path, decode(args))
            case _:
                raise TransportError(400, "BadMessage", f"not spoken here: {message['type']}")

    async def _authenticate(self, kind: str, credential: str, base: int) -> None:
        scheme = {"Admin": "Convex", "User": "Bearer"}.get(kind, "")
        self._caller = self._backend.caller(scheme, credential)
        if self._caller is None and scheme:
            refused = {"error": "the credential is not known", "authUpdateAttempted": True}
            await self._send({"type": "AuthError", "baseVersion": base, **refused})
            return
        await self._transition(identity=base + 1)

    async def _mutate(self, request_id: int, path: str, args: Message) -> None:
        try:
            result = await self._backend.run(self._call("mutation", path, args))
        except (ConvexError, FunctionError) as error:
            answer = {"success": False, "result": str(error), **_data(error)}
        else:
            time = _u64(self._backend.committed)
            answer = {"success": True, "result": encode(result), "ts": time}
        response = {"type": "MutationResponse", "requestId": request_id, "logLines": []}
        await self._send({**response, **answer})
        # The client waits until it has seen the time of its mutation.
        await self._transition()

    def _call(self, kind: Any, path: str, args: Message) -> Call:
        if self._caller is None:
            raise FunctionError("Unauthenticated: call set_admin_auth or set_auth first")
        return Call(kind, path, args, self._caller)

    async def _transition(self, query_set: int | None = None, identity: int | None = None) -> None:
        self.changed.clear()
        start = self._version()
        self._query_set = self._query_set if query_set is None else query_set
        self._identity = self._identity if identity is None else identity
        self._time = self._backend.committed
        results = {query_id: self._result(query_id) for query_id in self._queries}
        changes = [
            result for query_id, result in results.items() if self._results.get(query_id) != result
        ]
        removed = [
            {"type": "QueryRemoved", "queryId": each} for each in self._results.keys() - results
        ]
        self._results = results
        versions = {"startVersion": start, "endVersion": self._version()}
        await self._send({"type": "Transition", **versions, "modifications": [*changes, *removed]})

    def _result(self, query_id: int) -> Message:
        path, args = self._queries[query_id]
        common = {"queryId": query_id, "logLines": [], "journal": None}
        try:
            value = self._backend.evaluate(self._call("query", path, args))
        except (ConvexError, FunctionError) as error:
            return {"type": "QueryFailed", **common, "errorMessage": str(error), **_data(error)}
        return {"type": "QueryUpdated", **common, "value": encode(value)}

    def _version(self) -> Message:
        return {
            "querySet": self._query_set,
            "ts": _u64(self._time),
            "identity": self._identity,
        }

    async def _send(self, message: Message) -> None:
        await self._websocket.send_text(dumps(message))


def _data(error: ConvexError | FunctionError) -> Message:
    return {"errorData": encode(error.data)} if isinstance(error, ConvexError) else {}


def _u64(number: int) -> str:
    return base64.standard_b64encode(struct.pack("<Q", number)).decode()
