"""HTTP of the stand-in: POST /api/mutation and /api/query, and the sockets of `sync`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from support.http.web_server import serving_app
from support.legacy.backend import (
    Call,
    ConvexError,
    FunctionError,
    Kind,
    LegacyBackend,
    TransportError,
)
from support.legacy.sync import serve_sync
from support.legacy.values import EncodingError, decode, dumps, encode


@asynccontextmanager
async def serving(backend: LegacyBackend, port: int = 0) -> AsyncIterator[str]:
    """Serves a backend in this event loop; gives its URL. A port of before serves it again."""
    async with serving_app(_app(backend), port) as url:
        yield url


def _app(backend: LegacyBackend) -> Starlette:
    async def mutation(request: Request) -> Response:
        return await _answer(backend, "mutation", request)

    async def query(request: Request) -> Response:
        return await _answer(backend, "query", request)

    async def sync(websocket: WebSocket) -> None:
        await serve_sync(backend, websocket)

    return Starlette(
        routes=[
            Route("/api/mutation", mutation, methods=["POST"]),
            Route("/api/query", query, methods=["POST"]),
            WebSocketRoute("/api/sync", sync),
            WebSocketRoute("/api/{version}/sync", sync),
        ]
    )


async def _answer(backend: LegacyBackend, kind: Kind, request: Request) -> Response:
    try:
        call = await _read(backend, kind, request)
        value = await backend.run(call)
    except TransportError as error:
        return _json({"code": error.code, "message": str(error)}, error.status)
    # With another status than 200, PyPI `convex` looks for a code instead of the error.
    except ConvexError as error:
        said = {"status": "error", "errorMessage": str(error), "errorData": encode(error.data)}
        return _json({**said, "logLines": []})
    except FunctionError as error:
        return _json({"status": "error", "errorMessage": str(error), "logLines": []})
    return _json({"status": "success", "value": encode(value), "logLines": []})


async def _read(backend: LegacyBackend, kind: Kind, request: Request) -> Call:
    scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
    caller = backend.caller(scheme, credential)
    if caller is None:
        message = "send Authorization: Convex <admin key>, or Bearer <token>"
        raise TransportError(HTTPStatus.UNAUTHORIZED, "Unauthorized", message)
    return await _call(kind, request, caller)


async def _call(kind: Kind, request: Request, caller: str) -> Call:
    try:
        match json.loads(await request.body()):
            # npm `convex` sends a list of one object, PyPI `convex` the object.
            case {"path": str(path), "format": "convex_encoded_json", "args": [dict(args)]}:
                return Call(kind, path, decode(args), caller)
            case {"path": str(path), "format": "convex_encoded_json", "args": dict(args)}:
                return Call(kind, path, decode(args), caller)
    except (ValueError, EncodingError) as error:
        raise TransportError(HTTPStatus.BAD_REQUEST, "BadJsonBody", str(error)) from error
    message = "the body is {path, format: 'convex_encoded_json', args}"
    raise TransportError(HTTPStatus.BAD_REQUEST, "BadJsonBody", message)


def _json(document: Any, status: int = HTTPStatus.OK) -> Response:
    return Response(dumps(document), status, media_type="application/json")
