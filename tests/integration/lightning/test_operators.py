"""The operators' API: who may call, every function, and every error."""

import logging
import uuid
from typing import Any

import pytest

from khala_pg.lightning.records import read_record
from khala_pg.proto_gen.openagents.lightning.v1 import control_plane_pb2 as responses
from support.http.control_plane import (
    PAYMENT_HASH,
    PAYWALL,
    PREIMAGE,
    SECRET,
    ControlPlane,
    control_plane,
)
from support.postgres.databases import Database
from support.relay.scraping import scrape

LIST = "lightning/ops:listPaywallControlPlaneState"
PAUSE = "lightning/security:setGlobalPause"
SETTLE = "lightning/settlements:ingestSettlement"
INVOICE = "lightning/settlements:ingestInvoiceLifecycle"


def error(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


def without_hint(body: Any) -> Any:
    return {name: value for name, value in body["error"].items() if name != "hint"}


async def with_paywall(plane: ControlPlane) -> None:
    assert (await plane.own("POST", json=PAYWALL)).status_code == 200


async def test_a_server_without_a_secret_refuses_everything(newest_database: Database) -> None:
    async with control_plane(newest_database, lightning_ops_secret=None) as plane:
        for body in ({"functionName": LIST, "args": {"secret": ""}}, ["no"], {}):
            answer = await plane.post("query", body, Authorization="Bearer x")
            assert answer.status_code == 500
            assert answer.json()["error"]["code"] == "ops_secret_unconfigured"
            assert "OA_LIGHTNING_OPS_SECRET" in answer.json()["error"]["message"]


async def test_the_secret_comes_before_everything_else(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        wrong: list[Any] = [
            {"functionName": LIST, "args": {"secret": "wrong"}},
            {"functionName": LIST, "args": {"secret": SECRET[:-1]}},
            {"functionName": LIST, "args": {"secret": [SECRET]}},
            {"functionName": "no such function", "args": {}},
            {"functionName": LIST, "args": SECRET},
            {"secret": SECRET},
            {},
            [SECRET],
            "x" * 300_000,
        ]
        for kind in ("query", "mutation"):
            for body in wrong:
                answer = await plane.post(kind, body)
                assert answer.status_code == 401, body
                assert answer.json()["error"]["code"] == "invalid_ops_secret"
                assert answer.headers["WWW-Authenticate"] == "Bearer"
        path = "/api/internal/lightning-ops/control-plane/query"
        for content in (b"", b"{", b"\xff", b'{"args": {"secret": "' + SECRET.encode()):
            assert (await plane.client.post(path, content=content)).status_code == 401

        body = {"functionName": LIST, "args": {"secret": "wrong"}}
        good = {"Authorization": f"Bearer {SECRET}"}
        assert (await plane.post("query", body, **good)).status_code == 200
        assert (await plane.post("query", {"functionName": LIST}, **good)).status_code == 200
        assert (await plane.query(LIST)).json() == {"ok": True, "paywalls": []}
        answer = await plane.client.post(path, content=b"{", headers=good)
        assert (answer.status_code, answer.json()["error"]["message"]) == (422, "invalid_body")
        answer = await plane.client.post(path, content=b"x" * 300_000, headers=good)
        assert (answer.status_code, answer.json()["error"]["code"]) == (413, "payload_too_large")
        assert (await plane.client.get(path)).status_code == 405


async def test_what_is_refused_and_why(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        await with_paywall(plane)
        invoice = {
            "invoiceId": "i",
            "paywallId": "pw_news",
            "ownerId": "ann",
            "amountMsats": 1000,
            "status": "open",
        }
        deep: Any = None
        for _ in range(500):
            deep = [deep]
        cases: list[tuple[str, str | None, dict[str, Any], int, dict[str, str]]] = [
            ("mutation", None, {}, 422, error("invalid_arguments", "missing_functionName")),
            ("mutation", " ", {}, 422, error("invalid_arguments", "missing_functionName")),
            ("query", "x" * 181, {}, 422, error("invalid_arguments", "invalid_functionName")),
            ("mutation", PAUSE, {}, 422, error("invalid_arguments", "missing_active")),
            ("mutation", PAUSE, {"active": 1}, 422, error("invalid_arguments", "invalid_active")),
            (
                "mutation",
                PAUSE,
                {"active": True, "reason": "a\x00"},
                422,
                error("invalid_arguments", "invalid_args"),
            ),
            (
                "mutation",
                INVOICE,
                {**invoice, "amountMsats": 1.5},
                422,
                error("invalid_arguments", "invalid_amountMsats"),
            ),
            (
                "mutation",
                "lightning/ops:recordGatewayCompileIntent",
                {"configHash": "cfg_1", "status": "pending", "diagnostics": deep},
                422,
                error("invalid_arguments", "invalid_diagnostics"),
            ),
        ]
        for kind, function, args, status, expected in cases:
            body = {"functionName": function, "args": {"secret": SECRET, **args}}
            answer = await plane.post(kind, body)
            assert (answer.status_code, without_hint(answer.json())) == (status, expected)
            assert answer.json()["error"]["hint"]
        for kind, function in (("query", "x"), ("query", PAUSE), ("mutation", LIST)):
            answer = await plane.call(kind, function)
            assert (answer.status_code, answer.json()["error"]["code"]) == (
                404,
                "unsupported_function",
            )
        assert (await plane.mutate(INVOICE, **invoice)).status_code == 200
        answer = await plane.mutate(INVOICE, **{**invoice, "amountMsats": 2000})
        assert answer.status_code in (409, 422)


async def test_every_function(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        await with_paywall(plane)
        whose = {"paywallId": "pw_news", "ownerId": "ann"}

        async def done(kind: str, function: str, response: Any, **args: Any) -> Any:
            answer = await plane.call(kind, function, **args)
            assert answer.status_code == 200, answer.text
            assert answer.json()["ok"] is True
            assert "null" not in answer.text
            return read_record(response, answer.json())

        found = await done("query", LIST, responses.ListPaywallControlPlaneStateResponse)
        assert [paywall.paywall_id for paywall in found.paywalls] == ["pw_news"]
        assert found.paywalls[0].routes[0].priority == 10
        made = await done(
            "mutation",
            " lightning/ops:recordGatewayCompileIntent ",
            responses.RecordGatewayCompileIntentResponse,
            configHash="cfg_1",
            status="pending",
            **whose,
        )
        event = await done(
            "mutation",
            "lightning/ops:recordGatewayDeploymentEvent",
            responses.RecordGatewayDeploymentEventResponse,
            eventType="applied",
            level="info",
            executionPath="test",
            deploymentId=made.deployment.deployment_id,
            metadata={"not_touched": [0, False]},
            **whose,
        )
        assert event.event.event_type == "applied"
        invoice = await done(
            "mutation",
            INVOICE,
            responses.IngestInvoiceLifecycleResponse,
            invoiceId="i",
            amountMsats=1000,
            status="open",
            paymentHash=PAYMENT_HASH,
            **whose,
        )
        assert invoice.changed
        for existed in (False, True):
            settled = await done(
                "mutation",
                SETTLE,
                responses.IngestSettlementResponse,
                settlementId="s",
                invoiceId="i",
                amountMsats=1000,
                paymentProofType="lightning_preimage",
                paymentProofValue=f" {PREIMAGE.upper()} ",
                **whose,
            )
            assert settled.existed is existed
            assert settled.settlement.payment_proof_ref == f"lightning_preimage:{PREIMAGE[:24]}"
        conflict = await plane.mutate(
            SETTLE,
            settlementId="s",
            amountMsats=2000,
            paymentProofType="lightning_preimage",
            paymentProofValue=PREIMAGE,
            **whose,
        )
        assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "conflict")
        pause = responses.SetGlobalPauseResponse
        assert (await done("mutation", PAUSE, pause, active=True)).ok
        switch = "lightning/security:setOwnerKillSwitch"
        response = responses.SetOwnerKillSwitchResponse
        assert (await done("mutation", switch, response, ownerId="ann", active=True)).ok
        for verb in ("rotate", "activate", "revoke"):
            changed = await done(
                "mutation",
                f"lightning/security:{verb}CredentialRole",
                responses.ChangeCredentialRoleResponse,
                role="settlement_read",
            )
            assert changed.role.version == 1
        state = await done(
            "query",
            "lightning/security:getControlPlaneSecurityState",
            responses.GetControlPlaneSecurityStateResponse,
        )
        assert getattr(state, "global").global_pause
        assert [control.owner_id for control in state.owner_controls] == ["ann"]


async def test_calls_are_counted_and_logged_by_request(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with control_plane(newest_database) as plane:
        await with_paywall(plane)
        body = {"functionName": PAUSE, "args": {"secret": SECRET, "active": True}}
        answer = await plane.post("mutation", body, **{"X-Request-Id": "req-1"})
        assert answer.headers["X-Request-Id"] == "req-1"
        answer = await plane.post("mutation", body, **{"X-Request-Id": "two words"})
        assert uuid.UUID(answer.headers["X-Request-Id"])
        settlement = {
            "settlementId": "s",
            "paywallId": "pw_news",
            "ownerId": "ann",
            "amountMsats": 1000,
            "paymentProofType": "lightning_preimage",
            "paymentProofValue": PREIMAGE,
        }
        assert (await plane.mutate(SETTLE, **settlement)).status_code == 200
        for bad in (
            {"amountMsats": 0},
            {"paymentProofValue": f"{PREIMAGE}0"},
            {"amountMsats": 5},
            {"metadata": f"{PREIMAGE}\x00"},
            {"invoiceId": "none"},
            {"requestId": "x" * 3000},
        ):
            assert (await plane.mutate(SETTLE, **{**settlement, **bad})).status_code in (409, 422)
        await plane.post("query", {"functionName": LIST, "args": {"secret": f"{SECRET}x"}})
        measured = await scrape(plane.running)

    assert measured.value("khala_lightning_calls_total", function=PAUSE, code="ok") == 2
    unknown = {"function": "unknown", "code": "invalid_ops_secret"}
    assert measured.value("khala_lightning_calls_total", **unknown) == 1
    assert measured.value("khala_lightning_call_duration_seconds_count", function=PAUSE) == 2
    assert "request_id=req-1" in caplog.text

    with newest_database.connect() as connection:
        journal = connection.execute(
            "SELECT string_agg(e::text, '') FROM runtime.sync_stream_events AS e"
        ).fetchone()
    logged = caplog.text + "".join(str(vars(record)) for record in caplog.records)
    server = newest_database.server.log_file.read_text("utf-8", "replace")
    for where, text in (
        ("the log", logged),
        ("the metrics", str(measured.samples)),
        ("the journal", str(journal)),
        ("the log of PostgreSQL", server),
    ):
        assert text, where
        for secret in (SECRET, PREIMAGE, PREIMAGE[:32]):
            assert secret not in text, where


async def test_a_login_without_the_roles(newest_database: Database) -> None:
    async with control_plane(newest_database, database=newest_database.relay_dsn) as plane:
        answer = await plane.query(LIST)
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "internal"
        assert answer.json()["error"]["retry_after_ms"] > 0
        assert answer.headers["Retry-After"]
        assert (await plane.own("GET")).status_code == 503
        # Subscribers do not notice.
        assert await plane.running.relay.unready() is None
