"""What tests can demand of the stand-in of the legacy backend: faults, delay, recorded versions."""

import asyncio
from typing import Any

import httpx
import pytest

from support.legacy.backend import Fault, LegacyBackend, TransportError
from support.legacy.server import serving
from support.trials.waiting import until

ID = "runtime/codex_worker_summary:w1"


def upsert(version: int, document_id: str = ID) -> dict[str, Any]:
    """Body of a mutation that stores a version."""
    return {
        "path": "runtime:upsertCodexWorkerSummary",
        "format": "convex_encoded_json",
        "args": {"document_id": document_id, "summary": {"latest_seq": version}},
    }


async def send(
    url: str, backend: LegacyBackend, body: object, authorization: str | None = None
) -> httpx.Response:
    headers = {"Authorization": authorization or f"Convex {backend.admin_key}"}
    async with httpx.AsyncClient(timeout=60) as client:
        return await client.post(f"{url}/api/mutation", json=body, headers=headers)


async def test_a_fault_before_the_function_leaves_nothing_and_one_after_it_everything() -> None:
    backend = LegacyBackend()
    overloaded = TransportError(503, "Overloaded", "come back later")
    async with serving(backend) as url:
        backend.faults = [Fault(overloaded, times=2)]
        for _ in range(2):
            response = await send(url, backend, upsert(1))
            assert (response.status_code, response.json()["code"]) == (503, "Overloaded")
        assert backend.upserts == []
        assert backend.faults == []

        backend.faults = [Fault(overloaded, after=True)]
        assert (await send(url, backend, upsert(1))).status_code == 503
        assert [each.version for each in backend.upserts] == [1]
        assert (await send(url, backend, upsert(1))).json()["status"] == "success"


async def test_a_fault_of_one_document_lasts_until_it_is_removed() -> None:
    backend = LegacyBackend()
    bad = Fault(
        TransportError(503, "Overloaded", "not this one"),
        lambda call: call.args["document_id"] == "bad",
        times=None,
    )
    async with serving(backend) as url:
        backend.faults = [bad]
        for _ in range(3):
            assert (await send(url, backend, upsert(1, "bad"))).status_code == 503
            assert (await send(url, backend, upsert(1, "good"))).status_code == 200
        backend.faults.remove(bad)
        assert (await send(url, backend, upsert(1, "bad"))).status_code == 200


async def test_versions_that_go_back_are_found() -> None:
    backend = LegacyBackend()
    async with serving(backend) as url:
        for version in 1, 2, 2, 5:
            await send(url, backend, upsert(version))
        assert backend.gone_back() == {}
        await send(url, backend, upsert(4))
        await send(url, backend, upsert(1, "another"))
    assert backend.gone_back() == {ID: [1, 2, 2, 5, 4]}


async def test_calls_wait_while_it_is_held() -> None:
    backend = LegacyBackend()
    async with serving(backend) as url, asyncio.TaskGroup() as tasks:
        backend.hold()
        sending = tasks.create_task(send(url, backend, upsert(1)))
        await until(lambda: backend.calls == 1, "the call has come")
        assert not sending.done()
        assert backend.upserts == []
        backend.release()
        assert (await sending).status_code == 200


async def test_latency_delays_each_call() -> None:
    backend = LegacyBackend(latency_s=0.2)
    async with serving(backend) as url:
        began = asyncio.get_running_loop().time()
        await send(url, backend, upsert(1))
        assert asyncio.get_running_loop().time() - began >= 0.2


async def test_documents_outlive_a_server() -> None:
    backend = LegacyBackend()
    async with serving(backend) as url:
        await send(url, backend, upsert(1))
    with pytest.raises(httpx.ConnectError):
        await send(url, backend, upsert(2))
    async with serving(backend, int(url.rpartition(":")[2])) as again:
        assert again == url
        assert (await send(url, backend, upsert(3))).status_code == 200
    assert [each.version for each in backend.upserts] == [1, 3]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"path": "a", "args": {}}, "the body is {path, format"),
        ({**upsert(1), "args": [{}, {}]}, "the body is {path, format"),
        ({**upsert(1), "args": {"$integer": "AA=="}}, "1 bytes where 8 belong"),
        ({**upsert(1), "args": {"é": 1}}, "field names are printable ASCII"),
        ({**upsert(1), "args": {"a": {"$float": "AAAAAAAA8D8="}}}, "not for 1.0"),
        ({**upsert(1), "args": {"a": {"$set": []}}}, "no $ first"),
    ],
)
async def test_what_is_not_its_encoding_is_refused(body: object, message: str) -> None:
    backend = LegacyBackend()
    async with serving(backend) as url:
        response = await send(url, backend, body)
    assert response.status_code == 400
    assert message in response.json()["message"]


@pytest.mark.parametrize("authorization", ["Convex another", "Bearer unknown", "Basic a"])
async def test_an_unknown_credential_is_refused(authorization: str) -> None:
    backend = LegacyBackend()
    async with serving(backend) as url:
        response = await send(url, backend, upsert(1), authorization)
    assert response.status_code == 401
    assert backend.upserts == []


async def test_arguments_are_validated() -> None:
    backend = LegacyBackend()
    body = {**upsert(1), "args": {"document_id": ID, "summary": {}}}
    async with serving(backend) as url:
        response = await send(url, backend, body)
    assert response.json()["status"] == "error"
    assert "ArgumentValidationError" in response.json()["errorMessage"]
    assert backend.upserts == []
