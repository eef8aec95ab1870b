"""What a relay answers to opening requests that it refuses, and to plain HTTP."""

import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from support.relay.relays import PATIENCE_S, RunningRelay
from support.trials.waiting import until


async def refusal(url: str, **options: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of the answer to an opening request that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    answer = caught.value.response
    headers = {name.lower(): value for name, value in answer.headers.raw_items()}
    return answer.status_code, json.loads(answer.body or b""), headers


async def ready_at(address: str) -> None:
    """Returns when the relay whose HTTP side is there says that it is ready."""
    async with httpx.AsyncClient(base_url=address, trust_env=False) as asking:

        async def is_ready() -> bool:
            return (await asking.get("/readyz")).status_code == httpx.codes.OK

        await until(is_ready, "the relay is ready", PATIENCE_S)


def http(running: RunningRelay, **options: Any) -> httpx.AsyncClient:
    """A client of the relay's HTTP side, to be entered."""
    assert running.addresses.http is not None
    return httpx.AsyncClient(base_url=running.addresses.http, trust_env=False, **options)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
