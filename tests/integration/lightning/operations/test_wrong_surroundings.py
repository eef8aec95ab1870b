"""Wrong configuration, wrong servers, and what is never said."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.gateway.gateway import Gateway
from support.gateway.server import serving
from support.http.control_plane import KHALA, PREIMAGE, SECRET
from support.http.faulty_plane import FaultyPlane, PlaneFault, faulty_plane
from support.programs.operators import CREDENTIALS, PREFIX, PROGRAMS, Operators, ran

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
async def faulty(operator: Operators) -> AsyncIterator[FaultyPlane]:
    """What the programs take for the control plane."""
    async with faulty_plane(operator.environment[f"{PREFIX}API_BASE_URL"]) as plane:
        operator.environment[f"{PREFIX}API_BASE_URL"] = plane.url
        yield plane


async def test_servers_that_are_not_there_or_something_else(operator: Operators) -> None:
    async with serving(Gateway()) as url:
        for address, code in ((url, "bad_response"), (NOWHERE, "unreachable")):
            done = await operator.run("compile", API_BASE_URL=address)
            assert done.error["code"] == code
            assert done.error["hint"]
        done = await operator.run("compile", SECRET="not-the-secret-0123")
        assert done.error["code"] == "invalid_ops_secret"
        assert "OA_LIGHTNING_OPS_SECRET" in done.error["hint"]
        assert "not-the-secret" not in done.out
    error = (await operator.run("reconcile", GATEWAY_OPS_TOKEN="another-token")).error
    assert "OA_LIGHTNING_OPS_GATEWAY_OPS_TOKEN" in error["hint"]
    plane = operator.environment[f"{PREFIX}API_BASE_URL"]
    error = (await operator.run("reconcile", GATEWAY_BASE_URL=plane)).error
    assert "OA_LIGHTNING_OPS_GATEWAY_BASE_URL" in error["hint"]
    assert "another-token" not in str(error)


async def test_a_control_plane_that_hangs_or_is_overloaded(
    operator: Operators, faulty: FaultyPlane
) -> None:
    faulty.faults = [PlaneFault(lambda function: True, times=2, after=True)]
    done = await operator.run("smoke", "settlement")
    assert done.json["invoiceStatus"] == "settled"
    faulty.hold()
    done = await operator.run("smoke", "settlement", "--timeout", "0.3")
    assert done.error["code"] == "timeout"
    faulty.release()


async def test_an_event_is_repeated_and_a_rotation_is_not(
    operator: Operators, faulty: FaultyPlane
) -> None:
    """The response is lost, the call had its effect."""
    faulty.faults = [
        PlaneFault(lambda function: function.endswith("recordGatewayDeploymentEvent"), after=True)
    ]
    assert (await operator.run("reconcile")).json["changed"] is True
    with operator.database.connect() as connection:
        rows = connection.execute(
            "SELECT event_type, request_id, count(*) FROM lightning.gateway_events"
            " GROUP BY event_type, request_id HAVING count(*) > 1"
        ).fetchall()
    assert [(kind, count) for kind, _, count in rows] == [("compile", 2)]

    rotate = "lightning/security:rotateCredentialRole"
    faulty.faults = [PlaneFault(lambda function: function == rotate, after=True)]
    done = await operator.run("smoke", "security")
    assert done.error["code"] == "internal"
    state = await operator.run("smoke", "security")
    assert state.json["role"]["versionBefore"] == 1


async def test_a_check_that_is_stopped_ends_its_pause(
    operator: Operators, faulty: FaultyPlane
) -> None:
    """SIGTERM during the pause: the gateway is not left paused."""
    held = asyncio.Event()

    def is_state(function: str) -> bool:
        if not function.endswith("getControlPlaneSecurityState") or not paused(operator):
            return False
        held.set()
        return True

    faulty.faults = [PlaneFault(is_state, times=None)]
    inherited = {name: value for name, value in os.environ.items() if name[:3] != "OA_"}
    process = await asyncio.create_subprocess_exec(
        KHALA,
        *["lightning", "smoke", "security", "--json"],
        env={**inherited, **operator.environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        await held.wait()
        process.send_signal(signal.SIGTERM)
        out, err = await process.communicate()
    assert b"Traceback" not in out + err
    assert process.returncode == 128 + signal.SIGTERM
    assert not paused(operator)


def paused(operator: Operators) -> bool:
    with operator.database.connect() as connection:
        row = connection.execute("SELECT global_pause FROM lightning.security_global").fetchone()
    return row == (True,)


async def test_what_the_smoke_checks_need(operator: Operators) -> None:
    with operator.database.connect() as connection:
        connection.execute(
            "UPDATE lightning.paywalls SET status = 'paused' WHERE paywall_id = 'pw_news'"
        )
    error = (await operator.run("smoke", "settlement")).error
    assert (error["code"], error["paywallIds"]) == ("smoke_paywalls_paused", ["pw_news"])
    with operator.database.connect() as connection:
        connection.execute("DELETE FROM lightning.routes")
        connection.execute("DELETE FROM lightning.policies")
        connection.execute("DELETE FROM lightning.paywalls")
    error = (await operator.run("smoke", "compile")).error
    assert error["code"] == "smoke_paywalls_missing"
    assert error["paywallIds"] == ["pw_news", "pw_weather"]
    key = operator.plane.make_key("ann", "lightning.paywalls")["Authorization"].split()[1]
    done = await operator.run("smoke", "compile", OWNER_KEY=key)
    assert done.json["ruleCount"] == 2
    error = (await operator.run("smoke", "full-flow", without=("WALLET_URL",))).error
    assert error["variables"] == [f"{PREFIX}WALLET_URL"]
    done = await operator.run("smoke", "full-flow", without=("KHALA_WS_URL",))
    assert done.error["code"] == "invalid_configuration"
    assert operator.gateway.requests == []


async def test_a_settlement_that_is_not_seen_live(operator: Operators) -> None:
    others = operator.plane.running.token("another", ("lightning.settlements",))
    operator.environment["KHALA_TOKEN"] = others
    done = await operator.run("smoke", "full-flow", "--timeout", "3")
    assert done.error["code"] == "not_seen_live"


async def test_no_secret_is_said(operator: Operators, caplog: pytest.LogCaptureFixture) -> None:
    """Neither by the programs nor by the servers' logs, when all goes well and when it does not."""
    caplog.set_level("DEBUG", logger="khala")
    said = [await operator.run(*words.split()) for words in PROGRAMS]
    whose = {"paywallId": "pw_news", "ownerId": "another", "amountMsats": 1000}
    proof = {"paymentProofType": "lightning_preimage", "paymentProofValue": PREIMAGE}
    line = json.dumps({**whose, **proof, "settlementId": "s"})
    ingest = ("settlements", "ingest")
    said += [await operator.run(*ingest, stdin=line)]
    text = "".join(done.out + done.err for done in said) + caplog.text
    secrets = [SECRET, PREIMAGE, operator.gateway.ops_token, operator.gateway.wallet_token]
    for secret in [*secrets, *CREDENTIALS.values(), *operator.gateway.preimages.values()]:
        assert secret not in text
        # As much of it stands in a payment's reference.
        assert secret[:25] not in text


async def test_programs_find_khala_dev(operator: Operators, tmp_path: Path) -> None:
    file = tmp_path / ".khala" / "dev.json"
    file.parent.mkdir()
    url = operator.environment[f"{PREFIX}API_BASE_URL"]
    state = {"http": url, "lightning_ops_secret": SECRET, "pid": os.getpid()}
    file.write_text(json.dumps(state))
    done = await ran("compile", "--json", environment={}, cwd=tmp_path)
    assert done.json["paywallCount"] == 2
    file.write_text(json.dumps({**state, "pid": 2**22 - 1}))
    assert (await ran("compile", "--json", environment={}, cwd=tmp_path)).error[
        "code"
    ] == "invalid_configuration"


async def test_a_control_plane_that_comes_back(operator: Operators) -> None:
    """A refused connection is worth a second try."""
    base_url = operator.environment[f"{PREFIX}API_BASE_URL"]
    async with faulty_plane(base_url) as plane:
        url = plane.url
    port = int(url.rpartition(":")[2])
    running = asyncio.create_task(operator.run("compile", API_BASE_URL=url))
    async with faulty_plane(base_url, port):
        assert (await running).json["paywallCount"] == 2
