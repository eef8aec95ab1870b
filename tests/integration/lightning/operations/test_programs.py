"""Every program in every mode, against real servers."""

import json
from typing import Any, get_args

import pytest

from khala_pg.lightning.operations.smoke.observability import FIELDS
from khala_pg.lightning.operations.smoke.paywalls import PRIORITIES
from support.http.control_plane import PAYMENT_HASH, PREIMAGE
from support.programs.operators import OWNER, Mode, Operators

MODES: tuple[Mode, ...] = get_args(Mode)


@pytest.fixture(params=MODES)
def mode(request: pytest.FixtureRequest) -> Mode:
    found: Mode = request.param
    return found


async def test_compile(operator: Operators, mode: Mode) -> None:
    done = await operator.run("compile", mode=mode)
    result = done.json
    assert done.err == ""
    assert result["mode"] == mode
    assert (result["ruleCount"], result["paywallCount"], result["diagnostics"]) == (2, 2, [])
    assert result["configYaml"].startswith("services:\n")
    assert result["configHash"].startswith("cfg_")
    assert (await operator.run("compile", mode=mode)).json == result


async def test_reconcile(operator: Operators, mode: Mode) -> None:
    first = (await operator.run("reconcile", mode=mode)).json
    assert (first["deploymentStatus"], first["changed"]) == ("applied", True)
    assert operator.gateway.active is not None
    assert operator.gateway.active.config_hash == first["configHash"]
    assert operator.gateway.sold == 1
    again = (await operator.run("reconcile", mode=mode)).json
    assert (again["deploymentStatus"], again["changed"]) == ("applied", False)
    assert again["deploymentId"] == first["deploymentId"]
    assert len(operator.gateway.history) == 1
    assert operator.gateway.sold == 2
    if mode != "mock":
        with operator.database.connect() as connection:
            deployments = connection.execute(
                "SELECT deployment_id, config_hash, status FROM lightning.deployments"
            ).fetchall()
            events = connection.execute(
                "SELECT event_type, level FROM lightning.gateway_events"
                " ORDER BY (metadata ->> 'step')::int"
            ).fetchall()
        assert deployments == [(first["deploymentId"], first["configHash"], "applied")]
        steps = ["compile", "active_deployment", "apply", "health", "challenge", "payment"]
        assert events == [(step, "info") for step in [*steps, "paid_proxy", "applied"]]


async def test_a_proxy_that_pays(operator: Operators) -> None:
    """Without a wallet the proxy pays: here a route that costs nothing stands for it."""
    with operator.database.connect() as connection:
        body = {
            "paywallId": "pw_free",
            "name": "Free",
            "policy": {"fixedAmountMsats": 0},
            "routes": [
                {
                    "hostPattern": "*",
                    "pathPattern": "/free",
                    "protocol": "https",
                    "upstreamUrl": "https://upstream.example",
                }
            ],
        }
        connection.execute(
            "SELECT lightning.create_paywall(%s, %s::jsonb, NULL)", (OWNER, json.dumps(body))
        )
    proxy = operator.environment["OA_LIGHTNING_OPS_GATEWAY_BASE_URL"] + "/free"
    done = await operator.run("reconcile", without=("WALLET_URL", "WALLET_TOKEN"), PROXY_URL=proxy)
    assert done.json["deploymentStatus"] == "applied"


async def test_settlements_ingest(operator: Operators, mode: Mode) -> None:
    whose = {"paywallId": "pw_news", "ownerId": OWNER, "amountMsats": 1000}
    invoice = {**whose, "invoiceId": "i1", "status": "open", "paymentHash": PAYMENT_HASH}
    settlement = {
        **whose,
        "settlementId": "s1",
        "invoiceId": "i1",
        "paymentProofType": "lightning_preimage",
        "paymentProofValue": PREIMAGE,
    }
    lines = f"{json.dumps(invoice)}\n\n{json.dumps(settlement)}\n"
    counts = {"invoices": 1, "invoicesChanged": 1, "settlements": 1, "settlementsExisted": 0}
    done = await operator.run("settlements", "ingest", mode=mode, stdin=lines)
    assert done.json == {"ok": True, "mode": mode, **counts}
    if mode == "mock":
        return
    file = operator.directory / "settled.jsonl"
    file.write_text(lines)
    before = rows(operator, mode)
    again = await operator.run("settlements", "ingest", str(file), mode=mode)
    counts = {**counts, "invoicesChanged": 0, "settlementsExisted": 1}
    assert again.json == {"ok": True, "mode": mode, **counts}
    assert rows(operator, mode) == before

    wrong = {**settlement, "paymentProofValue": "0e" * 32}
    lines = "\n".join(
        map(json.dumps, [[PREIMAGE], {"paywallId": PREIMAGE}, wrong, {**settlement, "a": 1}])
    )
    refused = await operator.run("settlements", "ingest", mode=mode, stdin=f"{lines}\n{{")
    error = refused.error
    assert error["code"] == "records_refused"
    assert [each["line"] for each in error["refused"]] == [1, 2, 3, 5]
    assert all("hint" in each for each in error["refused"] if each["code"] == "invalid_arguments")
    assert error["settlementsExisted"] == 1
    assert rows(operator, mode) == before
    assert PREIMAGE[:30] not in refused.out + refused.err
    assert "0e" * 15 not in refused.out + refused.err


async def test_smoke_compile(operator: Operators, mode: Mode) -> None:
    result = (await operator.run("smoke", "compile", mode=mode)).json
    assert [(each["paywallId"], each["priority"]) for each in result["rules"]] == list(
        PRIORITIES.items()
    )
    assert result["deterministic"] is True
    assert result["deploymentStatus"] == "pending"
    assert (await operator.run("smoke", "compile", mode=mode)).json == result


async def test_smoke_security(operator: Operators, mode: Mode) -> None:
    first = (await operator.run("smoke", "security", mode=mode)).json
    assert first["denied"] == {
        "globalPause": "global_pause_active",
        "ownerKillSwitch": "owner_kill_switch_active",
    }
    assert first["role"]["version"] == 1
    again = await operator.run("smoke", "security", mode=mode)
    assert again.json["role"]["version"] == (1 if mode == "mock" else 2)
    if mode != "mock":
        with operator.database.connect() as connection:
            row = connection.execute(
                "SELECT global_pause, deny_reason FROM lightning.security_global"
            ).fetchone()
            assert row == (False, None)


async def test_smoke_settlement_twice_changes_nothing(operator: Operators, mode: Mode) -> None:
    first = (await operator.run("smoke", "settlement", mode=mode)).json
    assert (first["existed"], first["invoiceStatus"]) == (False, "settled")
    if mode != "mock":
        before = rows(operator, mode)
        again = (await operator.run("smoke", "settlement", mode=mode)).json
        assert (again["existed"], again["invoiceChanged"]) == (True, False)
        assert rows(operator, mode) == before


async def test_smoke_staging(operator: Operators, mode: Mode) -> None:
    result = (await operator.run("smoke", "staging", mode=mode)).json
    assert (result["deploymentStatus"], result["changedOnRepeat"]) == ("applied", False)


async def test_smoke_observability(operator: Operators, mode: Mode) -> None:
    result = (await operator.run("smoke", "observability", mode=mode)).json
    assert result["recordCount"] == len(result["records"]) == 3
    for record in result["records"]:
        assert set(record) == FIELDS
        assert record["walletState"] is None
    paid = result["records"][-1]
    assert paid["paidAmountMsats"] == paid["quotedCostMsats"] == 1000
    assert paid["paymentProofRef"].startswith("lightning_preimage:")


async def test_smoke_full_flow(operator: Operators, mode: Mode) -> None:
    result = (await operator.run("smoke", "full-flow", mode=mode)).json
    assert (result["deploymentStatus"], result["invoiceStatus"]) == ("applied", "settled")
    key = f"settlement/{result['settlementId']}"
    live = {"topic": "lightning.settlements", "docKey": key} if mode == "api" else None
    assert result["live"] == live
    for record in result["records"]:
        assert set(record) == FIELDS


def rows(operator: Operators, mode: Mode) -> Any:
    """Everything that is stored: the tables of the control plane, documents and journal."""
    tables = [
        *("lightning.paywalls", "lightning.invoices", "lightning.settlements"),
        *("lightning.deployments", "lightning.gateway_events", "runtime.sync_documents"),
        "runtime.sync_stream_events",
    ]
    with operator.database.connect() as connection:
        return [
            connection.execute(f"SELECT t::text FROM {table} AS t ORDER BY 1").fetchall()
            for table in tables
        ]
