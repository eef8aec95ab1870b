"""Both official clients of the legacy backend speak to its stand-in, over HTTP and WebSocket."""

import asyncio
import json
import math
import sys
from pathlib import Path
from typing import Any

import pytest

from support.legacy.backend import (
    Call,
    ConvexError,
    Fault,
    FunctionError,
    LegacyBackend,
    TransportError,
)
from support.legacy.server import serving
from support.legacy.values import Value, decode, encode
from support.programs.missing import CLIENT, require_node

ROOT = Path(__file__).resolve().parents[3]
CLIENTS = ROOT / "tests/support/legacy"

VALUES: dict[str, Value] = {
    "null": None,
    "flags": [True, False],
    "numbers": [0.0, 1.0, -17.0, 0.1, 5e-324, 1.7976931348623157e308, 9007199254740991.0],
    "special": [-0.0, math.inf, -math.inf],
    "int64": [0, 1, -1, 2**53 + 1, 2**63 - 1, -(2**63)],
    "bytes": [b"", b"\x00", bytes(range(256))],
    "text": ["", "é\u0000\u2028", "\U0001f600"],
    "nested": {"": [], "of": {"objects": [{}, [[1.5]]]}},
}
REFUSAL: dict[str, Value] = {"code": "too_old", "version": 2**60, "proof": b"\xff"}
TOKEN = "user-token"


def exact(value: Value) -> str:
    """Text that tells 0.0 from -0.0, and 1 (an Int64) from 1.0."""
    return json.dumps(encode(value), sort_keys=True)


def backend_of_test() -> LegacyBackend:
    """A backend with functions that return values and raise errors."""

    def refuse(call: Call) -> Value:
        raise ConvexError(REFUSAL)

    def fail(call: Call) -> Value:
        raise FunctionError("Server Error")

    return LegacyBackend(
        tokens={TOKEN: "user-7"},
        functions={
            ("query", "tests:values"): lambda call: VALUES,
            ("mutation", "tests:echo"): lambda call: call.args,
            ("query", "tests:who"): lambda call: call.caller,
            ("query", "tests:refuse"): refuse,
            ("mutation", "tests:refuse"): refuse,
            ("mutation", "tests:fail"): fail,
            ("mutation", "tests:unavailable"): lambda call: None,
        },
        faults=[
            Fault(
                TransportError(503, "Overloaded", "come back later"),
                lambda call: call.path == "tests:unavailable",
            )
        ],
    )


def command(client: str) -> list[str]:
    """The program of a client, without its arguments."""
    if client == "python":
        return [sys.executable, str(CLIENTS / "python_client.py")]
    return [require_node("convex"), str(CLIENTS / "npm_client.mjs"), str(CLIENT)]


async def converse(client: str, kind: str, url: str, admin_key: str) -> dict[str, Any]:
    """The report of a client's process."""
    process = await asyncio.create_subprocess_exec(
        *command(client),
        *(kind, url, admin_key, TOKEN),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(120):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
    assert process.returncode == 0, (out + err).decode()
    report: dict[str, Any] = decode(json.loads(out))
    return report


@pytest.mark.parametrize("kind", ["http", "socket"])
@pytest.mark.parametrize("client", ["python", "npm"])
async def test_client(client: str, kind: str) -> None:
    backend = backend_of_test()
    async with serving(backend) as url:
        report = await converse(client, kind, url, backend.admin_key)

    assert exact(report["values"]) == exact(VALUES)
    assert report["who"] == "admin"
    assert report["user"] == "user-7"

    first = {"latest_seq": 3.0, "status": "running", "progress": {"done": 0.25}}
    second = {**first, "latest_seq": 4.0}
    assert report["upserted"] is None
    assert report["stored"] == {"document_id": "runtime/run_summary:r1", "summary": first}
    assert report["missing"] is None

    for refused in report["refused_mutation"], report["refused_query"]:
        assert exact(refused["data"]) == exact(REFUSAL)
    assert "Server Error" in report["failed"]["message"]
    assert "data" not in report["failed"]
    assert "Could not find public function for 'tests:unknown'" in report["unknown"]["message"]

    stored = backend.tables["run_summaries"]["runtime/run_summary:r1"]
    if kind == "socket":
        seen = report["before"]["summary"], report["after"]["summary"]
        assert seen == (first, second)
        assert stored == second
    else:
        assert "come back later" in report["unavailable"]["message"]
        assert "Authorization: Convex" in report["stranger"]["message"]
        assert stored == first
    assert not backend.faults or kind == "socket"
