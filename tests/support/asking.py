"""What a relay answers to opening requests that it refuses, and to plain HTTP."""

import json
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from support.relays import RunningRelay


async def refusal(url: str, **options: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Status, body and headers of the answer to an opening request that is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, **options):
            pass
    answer = caught.value.response
    headers = {name.lower(): value for name, value in answer.headers.raw_items()}
    return answer.status_code, json.loads(answer.body or b""), headers


def http(running: RunningRelay, **options: Any) -> httpx.AsyncClient:
    """A client of the relay's HTTP side, to be entered."""
    assert running.addresses.http is not None
    return httpx.AsyncClient(base_url=running.addresses.http, trust_env=False, **options)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
