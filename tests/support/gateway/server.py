"""HTTP of the stand-in: operations, health, the routes that it sells, and the wallet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.gateway.gateway import Fault, Gateway, Operation
from support.http.web_server import serving_app

WALLET = "/wallet/pay"
Handler = Callable[[Request], Awaitable[Response]]


@asynccontextmanager
async def serving(gateway: Gateway, port: int = 0) -> AsyncIterator[str]:
    """Serves a gateway in this event loop; gives its URL. A port of before serves it again."""
    async with serving_app(_app(gateway), port) as url:
        yield url


def variables(url: str, gateway: Gateway, path: str = "/smoke/news/today") -> dict[str, str]:
    """The environment of an operator who uses this gateway and this wallet."""
    prefix = "OA_LIGHTNING_OPS_"
    return {
        f"{prefix}GATEWAY_BASE_URL": url,
        f"{prefix}GATEWAY_OPS_TOKEN": gateway.ops_token,
        f"{prefix}CHALLENGE_URL": url + path,
        f"{prefix}PROXY_URL": url + path,
        f"{prefix}WALLET_URL": url + WALLET,
        f"{prefix}WALLET_TOKEN": gateway.wallet_token,
    }


def _app(gateway: Gateway) -> Starlette:
    async def active(request: Request) -> Response:
        now = gateway.active
        if now is None:
            return JSONResponse({"deployment": None})
        named = {"deploymentId": now.deployment_id, "configHash": now.config_hash}
        return JSONResponse({"deployment": named})

    async def deploy(request: Request) -> Response:
        body = await request.json()
        gateway.deploy(body["deploymentId"], body["configHash"], body["configYaml"])
        return JSONResponse({"ok": True})

    async def rollback(request: Request) -> Response:
        gateway.roll_back((await request.json())["deploymentId"])
        return JSONResponse({"ok": True})

    async def health(request: Request) -> Response:
        return JSONResponse({"ok": True})

    async def pay(request: Request) -> Response:
        if request.headers.get("Authorization") != f"Bearer {gateway.wallet_token}":
            return JSONResponse({"error": "unauthorized"}, 401)
        invoice = (await request.json())["invoice"]
        return JSONResponse({"preimage": gateway.preimages[invoice]})

    async def sell(request: Request) -> Response:
        price = gateway.price_sats(request.url.path)
        if price is None:
            return Response(status_code=404)
        authorization = request.headers.get("Authorization", "")
        if price and not gateway.is_paid(authorization):
            challenge = gateway.challenge(price)
            return Response(status_code=402, headers={"WWW-Authenticate": challenge})
        gateway.sold += bool(price)
        return Response("sold")

    def ops(handler: Handler) -> Handler:
        async def checked(request: Request) -> Response:
            if request.headers.get("Authorization") != f"Bearer {gateway.ops_token}":
                return JSONResponse({"error": "unauthorized"}, 401)
            return await handler(request)

        return checked

    def faulty(operation: Operation, handler: Handler) -> Handler:
        async def answer(request: Request) -> Response:
            gateway.requests.append(operation)
            return await _answer(gateway, gateway.take_fault(operation), request, handler)

        return answer

    async def route(request: Request) -> Response:
        paid = "Authorization" in request.headers
        return await faulty("proxy" if paid else "challenge", sell)(request)

    return Starlette(
        routes=[
            Route("/ops/deployment", faulty("active", ops(active))),
            Route("/ops/deploy", faulty("deploy", ops(deploy)), methods=["POST"]),
            Route("/ops/rollback", faulty("rollback", ops(rollback)), methods=["POST"]),
            Route("/healthz", faulty("health", health)),
            Route(WALLET, faulty("wallet", pay), methods=["POST"]),
            Route("/{path:path}", route),
        ]
    )


async def _answer(
    gateway: Gateway, fault: Fault | None, request: Request, handler: Handler
) -> Response:
    if fault is None:
        return await handler(request)
    if fault.after:
        await handler(request)
    match fault.failure:
        case "refuse":
            return Response("a fault of the gateway", 500)
        case "unavailable":
            return Response("come back later", 503)
        case "garbage":
            return Response("<html>not what you expect", 200)
        case "hang":
            # Until the client has enough.
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return Response(status_code=500)
        case "reset":
            # The server closes the connection of a response that is shorter than it says.
            return Response("cut", headers={"Content-Length": "1000"})
        case "slow":
            await asyncio.sleep(gateway.slow_s)
            return await handler(request)
