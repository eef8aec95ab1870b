"""Responses and records of the wrong shape, and what else must not end without one JSON object."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from support.gateway.gateway import Gateway
from support.gateway.server import serving, variables
from support.http.control_plane import KHALA
from support.http.web_server import serving_app
from support.programs.operators import CREDENTIALS, PREFIX, ran

STATE = '"global": {"globalPause": false}, "ownerControls": []'
PAYWALLS = [
    {"paywallId": name, "status": "active", "policy": {"fixedAmountMsats": 1}}
    for name in ("pw_news", "pw_weather")
]
TOKEN = "a-token-with-a-line\nbreak-at-its-end"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ('{"ok": true, "global": null, "ownerControls": null, "paywalls": null}', "bad_response"),
        ('{"ok": true, "global": [], "ownerControls": [1], "paywalls": "all"}', "bad_response"),
        (f'{{"ok": true, {STATE}, "credentialRoles": ["x"], "paywalls": [[]]}}', "bad_response"),
        (
            f'{{"ok": true, {STATE}, "credentialRoles": [], "paywalls": {json.dumps(PAYWALLS)}}}',
            "smoke_paywalls_without_routes",
        ),
    ],
)
async def test_a_control_plane_of_another_shape(tmp_path: Path, body: str, code: str) -> None:
    async def answer(request: Request) -> Response:
        return Response(body, media_type="application/json")

    async with serving_app(
        Starlette(routes=[Route("/{path:path}", answer, methods=["POST"])])
    ) as url:
        settings = {
            **variables(url, Gateway()),
            **CREDENTIALS,
            f"{PREFIX}API_BASE_URL": url,
            f"{PREFIX}SECRET": "of-nothing",
        }
        programs = ["settlement"] if "routes" in code else ["security", "settlement", "staging"]
        for program in programs:
            done = await ran("smoke", program, "--json", environment=settings, cwd=tmp_path)
            assert done.error["code"] == code


async def test_a_token_that_is_no_header_is_not_quoted(tmp_path: Path) -> None:
    async with serving(Gateway()) as url:
        settings = {**variables(url, Gateway()), f"{PREFIX}GATEWAY_OPS_TOKEN": TOKEN}
        done = await ran(
            "reconcile", "--mode", "mock", "--json", environment=settings, cwd=tmp_path
        )
    assert done.error["code"] == "invalid_request"
    assert "a-token" not in done.out + done.err


async def test_records_and_files_that_cannot_be_read(tmp_path: Path) -> None:
    words = ("settlements", "ingest", "--mode", "mock", "--json")
    done = await ran(*words, environment={}, cwd=tmp_path, stdin='{"settlementId": "s"}\n')
    assert done.json["settlements"] == 1
    # Opening it succeeds, and reading does not.
    done = await ran(*words, "/proc/self/mem", environment={}, cwd=tmp_path)
    assert done.error["code"] == "failed"


async def test_without_the_package_of_the_compiler(tmp_path: Path) -> None:
    # Found before the real one, and broken as one that is not there.
    broken = "raise ModuleNotFoundError('no', name='greenery')"
    (tmp_path / "greenery.py").write_text(broken)
    settings = {"PYTHONPATH": str(tmp_path)}
    done = await ran("compile", "--mode", "mock", "--json", environment=settings, cwd=tmp_path)
    assert done.error["code"] == "missing_package"
    assert "khala-pg[lightning]" in done.error["hint"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupted_program_says_so(tmp_path: Path, number: signal.Signals) -> None:
    arrived = asyncio.Event()

    async def never(request: Request) -> Response:
        arrived.set()
        while (await request.receive())["type"] != "http.disconnect":
            pass
        return Response()

    async with serving_app(
        Starlette(routes=[Route("/{path:path}", never, methods=["POST"])])
    ) as url:
        inherited = {name: value for name, value in os.environ.items() if name[:3] != "OA_"}
        process = await asyncio.create_subprocess_exec(
            *[KHALA, "lightning", "compile", "--json"],
            env={**inherited, f"{PREFIX}API_BASE_URL": url, f"{PREFIX}SECRET": "of-nothing"},
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            await arrived.wait()
            process.send_signal(number)
            out, err = await process.communicate()
    assert (process.returncode, err) == (128 + number, b"")
    said = json.loads(out)
    assert (said["ok"], said["error"]["code"]) == (False, "interrupted")
