"""Tokens and requests as existing issuers and surfaces write them."""

import time
from dataclasses import replace

import jwt

from khala_pg.auth import keyring as keys
from support.postgres.databases import Database
from support.relay.asking import refusal
from support.relay.relays import NOTES, NOTES_ENUM, Peer, ready_relay, running_relay, writer


async def test_an_existing_surface_is_served(database: Database) -> None:
    strict = keys.generate()
    key = replace(strict.keys[strict.current], claims="openagents")
    issued_at = int(time.time())
    claims = {
        "iss": strict.issuer,
        "aud": strict.audience,
        "iat": issued_at,
        "exp": issued_at + 300,
        "jti": "1",
        "oa_user_id": 7,
        "oa_org_id": "org-a",
        "oa_sync_scopes": f"{NOTES_ENUM}, runtime.run_summaries",
        "oa_claims_version": "oa_sync_claims_v1",
    }
    token = jwt.encode(claims, key.secret, algorithm="HS256", headers={"kid": key.kid})
    async with running_relay(database, strict) as running:
        await ready_relay(running)
        assert (await refusal(running.url(token)))[1]["code"] == "unauthorized"
    lenient = replace(strict, keys={key.kid: key})
    async with running_relay(database, lenient) as running, writer(database) as runtime:
        await ready_relay(running)
        url = running.url(token).replace("/socket/", "/sync/socket/")
        async with Peer(url) as peer:
            await peer.join()
            reply = await peer.subscribe(
                f" {NOTES_ENUM}",
                f"{NOTES} ",
                resume_after={f"{NOTES} ": 0, f" {NOTES_ENUM}": 0},
                replay_batch_size=0,
            )
            assert reply["topics"] == [NOTES_ENUM]
            await runtime.sink("d", org="org-a")
            updates, _ = await peer.updates_until(1, NOTES_ENUM)
            assert [update["topic"] for update in updates] == [NOTES_ENUM]
            refreshed = await peer.ask("sync:refresh", {"token": token})
            assert NOTES_ENUM in refreshed["allowed_topics"]
            # The new token covers the topic by its other name: nothing has ended.
            await runtime.sink("d", 2, org="org-a")
            await peer.updates_until(2, NOTES_ENUM)
