"""The switches of the control plane, for operators who are signed in."""

import asyncio
from typing import Any

from khala_pg.auth import keyring as keys
from khala_pg.sqlapi import admin
from support.http.control_plane import ControlPlane, control_plane
from support.postgres.databases import Database
from support.relay.asking import bearer
from support.trials.waiting import until

SCOPE = "lightning.operate"
PAUSE = {"active": True, "reason": "The node is being moved."}


def token(plane: ControlPlane, org: str = "operators", *scopes: str, **more: Any) -> dict[str, str]:
    claims = {"org": org, "scopes": scopes or (SCOPE,), "subject": "ann", **more}
    return bearer(plane.running.token(**claims))


def head(database: Database) -> Any:
    """Position of the security topic: each change moves it."""
    with database.connect() as connection:
        return connection.execute(
            "SELECT head_watermark FROM runtime.sync_topic_sequences WHERE topic = %s",
            ("lightning.security",),
        ).fetchone()


async def test_a_token_a_key_and_a_session_set_switches(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        paused = await plane.switch("pause", {**PAUSE, "updatedBy": "eve"}, **token(plane))
        assert paused.status_code == 200, paused.text
        found = paused.json()["global"]
        assert (found["globalPause"], found["denyReason"]) == (True, PAUSE["reason"])
        assert found["updatedBy"] == "ann"
        key = plane.make_key("operators", SCOPE)
        off = await plane.switch("kill-switch", {"ownerId": "bob", **PAUSE}, **key)
        assert off.json()["ownerControl"]["killSwitch"] is True
        assert off.json()["ownerControl"]["updatedBy"] == "shop"
        ended = await plane.switch("pause", {"active": False}, **{"X-Owner": "operators"})
        assert ended.json()["global"]["globalPause"] is False
        state = (await plane.query("lightning/security:getControlPlaneSecurityState")).json()
        assert state["global"] == ended.json()["global"]
        assert state["ownerControls"] == [off.json()["ownerControl"]]


async def test_a_token_that_a_key_was_exchanged_for(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        key = plane.make_key("operators", SCOPE, "lightning.security")
        for asked in ({}, {"scopes": [SCOPE]}):
            issued = (await plane.client.post("/api/sync/token", json=asked, headers=key)).json()
            assert SCOPE in issued["data"]["scopes"]
            answer = await plane.switch("pause", PAUSE, **bearer(issued["data"]["token"]))
            assert answer.json()["global"]["updatedBy"] == "shop"
        less = {"scopes": ["lightning.security"]}
        issued = (await plane.client.post("/api/sync/token", json=less, headers=key)).json()
        answer = await plane.switch("pause", PAUSE, **bearer(issued["data"]["token"]))
        assert answer.status_code == 403


async def test_others_are_refused_and_change_nothing(newest_database: Database) -> None:
    async with control_plane(newest_database, max_tokens_per_minute=5) as plane:
        before = head(newest_database)

        async def tried(**headers: str) -> tuple[int, str]:
            answer = await plane.switch("pause", PAUSE, **headers)
            return answer.status_code, answer.json()["error"]["code"]

        assert await tried(**token(plane, "bob")) == (403, "forbidden_organisation")
        assert await tried(**plane.make_key("bob", SCOPE)) == (403, "forbidden_organisation")
        assert await tried(**{"X-Owner": "bob"}) == (403, "forbidden_organisation")
        assert await tried(**token(plane, "operators", "lightning.security")) == (
            403,
            "forbidden_scope",
        )
        assert await tried(**plane.make_key("operators", "lightning.security")) == (
            403,
            "forbidden_scope",
        )
        assert await tried(**token(plane), Origin="https://evil.example") == (
            403,
            "forbidden_origin",
        )
        strange = keys.sign_token(keys.generate(), org_id="operators", scopes=[SCOPE])
        expired = token(plane, ttl_s=1.0, now=1_700_000_000)
        for credential in (bearer(strange), expired, bearer("khala_none"), bearer("x"), {}):
            assert await tried(**credential) == (401, "unauthorized")
        # Who guesses has to wait, even if the next guess is right.
        assert await tried(**token(plane)) == (429, "rate_limited")
        assert head(newest_database) == before


async def test_the_operators_are_those_that_the_database_names(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        with newest_database.connect() as connection:
            admin.set_lightning_operators(connection, "staff")
        assert (await plane.switch("pause", PAUSE, **token(plane))).status_code == 403
        assert (await plane.switch("pause", PAUSE, **token(plane, "staff"))).status_code == 200


async def test_a_revoked_token_sets_nothing(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        with newest_database.connect("dba") as connection:
            admin.revoke(connection, "sub", "ann", "infinity", None)

        async def is_refused() -> bool:
            return (await plane.switch("pause", PAUSE, **token(plane))).status_code == 401

        await until(is_refused, "the revocation reaches the relay")


async def test_arguments(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        before = head(newest_database)
        for name, args, message in (
            ("pause", {}, "missing_active"),
            ("pause", {"active": "yes"}, "invalid_active"),
            ("pause", {"active": True}, "missing_reason"),
            ("pause", {"active": True, "reason": " "}, "missing_reason"),
            ("pause", {"active": True, "reason": "x" * 2001}, "invalid_reason"),
            ("pause", {"active": True, "reason": "x\0"}, "invalid_body"),
            ("pause", [], "invalid_body"),
            ("kill-switch", PAUSE, "missing_ownerId"),
            ("kill-switch", {**PAUSE, "ownerId": "x" * 201}, "invalid_ownerId"),
        ):
            answer = await plane.switch(name, args, **token(plane))
            assert (answer.status_code, answer.json()["error"]["message"]) == (422, message)
        assert head(newest_database) == before


async def test_a_repeat_with_the_same_key_has_one_effect(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        who = {**token(plane), "Idempotency-Key": "k1"}
        answers = await asyncio.gather(*(plane.switch("pause", PAUSE, **who) for _ in range(8)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.text for answer in answers}) == 1
        with newest_database.connect() as connection:
            versions = connection.execute(
                "SELECT doc_version FROM runtime.sync_documents WHERE doc_key = 'global'"
            ).fetchall()
        assert versions == [(1,)]
        other = await plane.switch("pause", {"active": False}, **who)
        assert (other.status_code, other.json()["error"]["code"]) == (409, "conflict")


async def test_calls_of_an_operator_are_limited(newest_database: Database) -> None:
    async with control_plane(newest_database, max_lightning_calls_per_minute=2) as plane:
        codes = [(await plane.switch("pause", PAUSE, **token(plane))).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        other = token(plane, subject="bob")
        assert (await plane.switch("pause", PAUSE, **other)).status_code == 200
