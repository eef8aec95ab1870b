"""A control plane with faults on demand: it stands in front of the real API and passes calls on."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from support.http.web_server import serving_app


@dataclass(slots=True)
class PlaneFault:
    """What some calls end with: status 503. matches: by the function's name.

    times: how many; None is every one. after: the call has its effect first.
    """

    matches: Callable[[str], bool]
    times: int | None = 1
    after: bool = False


@dataclass
class FaultyPlane:
    """What is wrong at the moment."""

    faults: list[PlaneFault] = field(default_factory=list)
    url: str = ""

    def __post_init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def hold(self) -> None:
        """Calls get no response until `release`."""
        self._open.clear()

    def release(self) -> None:
        self._open.set()

    async def wait(self) -> None:
        await self._open.wait()

    def take(self, function: str) -> PlaneFault | None:
        for fault in self.faults:
            if fault.matches(function):
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times == 0:
                        self.faults.remove(fault)
                return fault
        return None


@asynccontextmanager
async def faulty_plane(base_url: str, port: int = 0) -> AsyncIterator[FaultyPlane]:
    """Stands in front of the API at a base URL. A port of before serves it again."""
    plane = FaultyPlane()
    async with httpx.AsyncClient(base_url=base_url, trust_env=False, timeout=60) as client:

        async def answer(request: Request) -> Response:
            body = await request.body()
            await plane.wait()
            fault = plane.take(str(json.loads(body)["functionName"]))
            if fault is not None and not fault.after:
                return _unavailable()
            headers = {"Content-Type": "application/json"}
            passed = await client.post(request.url.path, content=body, headers=headers)
            if fault is not None:
                return _unavailable()
            return Response(passed.content, passed.status_code, media_type="application/json")

        app = Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
        async with serving_app(app, port) as plane.url:
            yield plane


def _unavailable() -> Response:
    return JSONResponse({"error": {"code": "internal", "message": "come back later"}}, 503)
