"""The owners' API: paywalls of the caller's organisation, and nobody else's."""

import asyncio
from typing import Any

from khala_pg.lightning.records import read_record
from khala_pg.proto_gen.openagents.lightning.v1 import paywall_pb2
from support.http.control_plane import PAYWALL, PREIMAGE, ControlPlane, control_plane
from support.postgres.databases import Database
from support.relay.relays import NOTES


async def test_a_paywall_from_its_creation_to_its_archive(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        made = (await plane.own("POST", json=PAYWALL)).json()["paywall"]
        paywall = read_record(paywall_pb2.Paywall, made)
        assert (paywall.owner_id, paywall.policy.fixed_amount_msats) == ("ann", 1000)
        assert (await plane.own("GET", "/pw_news")).json() == {"ok": True, "paywall": made}
        changed = await plane.own("PATCH", "/pw_news", json={"policy": {"quotaPerDay": 5}})
        assert changed.json()["paywall"]["policy"]["quotaPerDay"] == 5
        assert changed.json()["paywall"]["routes"] == made["routes"]
        for action, status in (
            ("pause", "paused"),
            ("resume", "active"),
            ("archive", "archived"),
        ):
            answer = await plane.own("POST", f"/pw_news/{action}")
            assert answer.json()["paywall"]["status"] == status
        for method, path in (("POST", "/pw_news/pause"), ("PATCH", "/pw_news")):
            answer = await plane.own(method, path, json={})
            assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")


async def test_a_write_with_an_idempotency_key_has_one_effect(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        body = {"name": "N", "policy": {"fixedAmountMsats": 1}}
        headers = {"Idempotency-Key": "key-1"}

        async def create(owner: str = "ann", **more: Any) -> Any:
            return await plane.own("POST", owner=owner, json={**body, **more}, headers=headers)

        answers = await asyncio.gather(*(create() for _ in range(16)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        assert len((await plane.own("GET")).json()["paywalls"]) == 1
        other = await create(name="M")
        assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")
        assert (await create("bob")).status_code == 200
        for key in ("", "x" * 256):
            headers["Idempotency-Key"] = key
            answer = await create()
            assert (answer.status_code, answer.json()["error"]["message"]) == (
                422,
                "invalid_Idempotency-Key",
            )


async def test_pages(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        await plane.own("POST", json=PAYWALL)
        for number in range(4):
            settlement = {
                "settlementId": f"s{number}",
                "paywallId": "pw_news",
                "ownerId": "ann",
                "amountMsats": 1000,
                "paymentProofType": "lightning_preimage",
                "paymentProofValue": f"{number}{PREIMAGE[1:]}",
            }
            invoice = {
                "invoiceId": f"i{number}",
                "paywallId": "pw_news",
                "ownerId": "ann",
                "amountMsats": 1000,
                "status": "open",
            }
            await plane.mutate("lightning/settlements:ingestSettlement", **settlement)
            await plane.mutate("lightning/settlements:ingestInvoiceLifecycle", **invoice)
            await plane.own("POST", json={**PAYWALL, "paywallId": f"pw{number}", "routes": []})

        async def pages(path: str, name: str, key: str) -> list[list[str]]:
            found: list[list[str]] = []
            cursor: dict[str, str] = {}
            while True:
                answer = await plane.own("GET", path, params={"limit": "2", **cursor})
                body = answer.json()
                found.append([each[key] for each in body[name]])
                if "nextCursor" not in body:
                    return found
                cursor = {"cursor": body["nextCursor"]}

        expected = [["s0", "s1"], ["s2", "s3"]]
        assert await pages("/pw_news/settlements", "settlements", "settlementId") == expected
        expected = [["i0", "i1"], ["i2", "i3"]]
        assert await pages("/pw_news/invoices", "invoices", "invoiceId") == expected
        expected = [["pw_news", "pw0"], ["pw1", "pw2"], ["pw3"]]
        assert await pages("", "paywalls", "paywallId") == expected
        for query in ({"limit": "0"}, {"limit": "1001"}, {"limit": "²"}, {"limit": "9" * 30}):
            answer = await plane.own("GET", params=query)
            assert (answer.status_code, answer.json()["error"]["message"]) == (422, "invalid_limit")
        for cursor in ("x", "", "1:\x00"):
            answer = await plane.own("GET", "/pw_news/invoices", params={"cursor": cursor})
            assert answer.json()["error"]["message"] == "invalid_cursor"


async def test_another_owner_sees_and_changes_nothing(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        await plane.own("POST", json=PAYWALL)
        assert (await plane.own("GET", owner="bob")).json() == {"ok": True, "paywalls": []}
        for method, path in (
            ("GET", ""),
            ("GET", "/invoices"),
            ("GET", "/settlements"),
            ("PATCH", ""),
            ("POST", "/pause"),
            ("POST", "/archive"),
        ):
            for paywall in ("pw_news", "none", "%00", "%E2%98%83"):
                answer = await plane.own(method, f"/{paywall}{path}", owner="bob", json={})
                expected = (422, "invalid_arguments") if paywall == "%00" else (404, "not_found")
                assert (answer.status_code, answer.json()["error"]["code"]) == expected
        answer = await plane.own("POST", owner="bob", json=PAYWALL)
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
        assert (await plane.own("GET", "/pw_news")).json()["paywall"]["status"] == "active"


async def test_who_may_call(newest_database: Database) -> None:
    async with control_plane(newest_database, max_tokens_per_minute=2) as plane:
        path = "/api/lightning/paywalls"

        async def get(**headers: str) -> tuple[int, str]:
            answer = await plane.client.get(path, headers=headers)
            return answer.status_code, answer.json().get("error", {}).get("code", "ok")

        assert await get(**plane.make_key("ann", "lightning.paywalls")) == (200, "ok")
        assert await get(**plane.make_key("ann", NOTES)) == (403, "forbidden_topic")
        assert await get(**{"X-Owner": "ann", "Origin": "https://evil.example"}) == (
            403,
            "forbidden_origin",
        )
        # A token is for reading; it is handed to pages.
        token = {"Authorization": f"Bearer {plane.running.token(scopes=('lightning.paywalls',))}"}
        assert await get(**token) == (401, "unauthorized")
        assert await get(Authorization="Bearer khala_none") == (401, "unauthorized")
        assert await get(**{"X-Owner": "ann"}) == (429, "rate_limited")


async def test_calls_of_an_owner_are_limited(newest_database: Database) -> None:
    async with control_plane(newest_database, max_lightning_calls_per_minute=2) as plane:
        codes = [(await plane.own("GET")).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        answer = await plane.own("GET")
        assert answer.json()["error"]["retry_after_ms"] > 0
        assert answer.headers["Retry-After"]
        assert (await plane.own("GET", owner="bob")).status_code == 200
        assert await operators(plane) == [200, 200, 429]


async def operators(plane: ControlPlane) -> list[int]:
    function = "lightning/security:getControlPlaneSecurityState"
    return [(await plane.query(function)).status_code for _ in range(3)]
