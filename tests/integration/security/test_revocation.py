"""Revocations reach live sockets on every relay, at once and for good."""

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from khala_pg.auth.claims import Claims
from support.http.tokens import verify_token as read
from support.postgres.databases import Database
from support.relay.asking import bearer, http, refusal
from support.relay.relays import NOTES, RUNS, Peer, RunningRelay, ready_relay, running_relay, writer
from support.trials.waiting import until

KHALA = str(Path(sys.executable).with_name("khala"))
# The promise is a second; the rest is for a machine that does other things.
_SOON_S = 1.0


def revoke(database: Database, kind: str, value: str, until: str | None = None) -> float:
    """Revokes as a DBA does; when that was."""
    with database.connect("dba") as connection:
        connection.execute("SELECT khala.revoke(%s, %s, %s)", (kind, value, until))
    return time.monotonic()


def claims_of(running: RunningRelay, token: str) -> Claims:
    return read(token, running.keyring)


async def assert_revoked(peer: Peer) -> None:
    code, frames = await peer.closed()
    assert code == 4401
    assert [frame[3] for frame in frames[-2:]] == ["sync:error", "phx_error"]
    assert frames[-2][4]["code"] == "unauthorized"
    assert "revoked" in frames[-2][4]["message"]


@pytest.mark.parametrize("kind", ["jti", "sub", "org"])
async def test_live_sockets_on_every_relay_close(newest_database: Database, kind: str) -> None:
    async with (
        running_relay(newest_database) as first,
        running_relay(newest_database, first.keyring) as second,
    ):
        await ready_relay(first)
        await ready_relay(second)
        token = first.token("org-a", subject="ann")
        bystander = first.token("org-b", subject="bob")
        async with (
            first.joined(token) as one,
            second.joined(token) as two,
            first.joined(bystander) as other,
        ):
            for peer in (one, two, other):
                await peer.subscribe(NOTES)
                await peer.event("sync:update_batch")
            value = {"jti": claims_of(first, token).token_id, "sub": "ann", "org": "org-a"}[kind]
            since = await asyncio.to_thread(revoke, newest_database, kind, value)
            await asyncio.gather(assert_revoked(one), assert_revoked(two))
            assert time.monotonic() - since < _SOON_S
            await other.ask("sync:heartbeat", {})


async def test_nothing_is_heard_and_it_still_takes_a_second(newest_database: Database) -> None:
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined(running.token(subject="ann")) as peer:
            with newest_database.connect() as connection:
                # As if the notification had been lost.
                connection.execute(
                    "INSERT INTO runtime.sync_revocations"
                    " (kind, value, revocation_number, issued_until, forget_at)"
                    " VALUES ('sub', 'ann', 1, now(), 'infinity')"
                )
            since = time.monotonic()
            await assert_revoked(peer)
            assert time.monotonic() - since < 1 + _SOON_S


async def test_a_revocation_while_nobody_listens(newest_database: Database) -> None:
    nowhere = replace(newest_database, name="no_such_database").relay_dsn
    async with running_relay(newest_database, listener_database=nowhere) as running:
        await until(lambda: running.relay._authority.revocations.known, "revocations are known")
        async with running.joined(running.token(subject="ann")) as peer:
            since = await asyncio.to_thread(revoke, newest_database, "sub", "ann")
            await assert_revoked(peer)
            assert time.monotonic() - since < 1 + _SOON_S

        async def says_so() -> bool:
            return "not heard" in str(await running.relay.unready())

        await until(says_so, "the relay says that it hears nothing")


async def test_none_is_missed_that_commits_late(newest_database: Database) -> None:
    """A relay asks for what is above the last that it knows: numbers must come in order."""
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with (
            running.joined(running.token(subject="ann")) as ann,
            running.joined(running.token(subject="bob")) as bob,
        ):
            with newest_database.connect("dba") as late, newest_database.connect() as watching:
                late.autocommit = False
                late.execute("SELECT khala.revoke('sub', 'ann')")
                other = asyncio.create_task(
                    asyncio.to_thread(revoke, newest_database, "sub", "bob")
                )

                async def is_decided() -> bool:
                    waiting = watching.execute(
                        "SELECT FROM pg_catalog.pg_locks AS l"
                        " INNER JOIN pg_catalog.pg_database AS d ON d.oid = l.database"
                        " WHERE d.datname = current_database()"
                        " AND l.locktype = 'advisory' AND NOT l.granted"
                    ).fetchall()
                    return bool(waiting) or other.done()

                await until(is_decided, "the second waits for the first")
                assert not other.done()
                late.commit()
                await other
            await asyncio.gather(assert_revoked(ann), assert_revoked(bob))


async def test_nobody_is_served_before_it_is_known_who_is_revoked(
    newest_database: Database,
) -> None:
    function = "FUNCTION khala.revocations(bigint)"
    with newest_database.connect() as connection:
        connection.execute(f"REVOKE EXECUTE ON {function} FROM khala_relay")
        connection.execute("SELECT khala.revoke('sub', 'ann')")
    async with running_relay(newest_database, http_port=0) as running, http(running) as asking:
        headers = bearer(running.token(subject="ann", now=time.time() - 60))
        for path in (f"snapshot/{NOTES}", f"documents/{NOTES}/d1"):
            answer = await asking.get(f"/api/sync/{path}", headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "internal")
            assert "revoked" in answer.json()["message"]
        async with running.open(running.token(subject="ann", now=time.time() - 60)) as peer:
            assert (await peer.ask_in_vain("phx_join", {}))["code"] == "internal"
            with newest_database.connect() as connection:
                connection.execute(f"GRANT EXECUTE ON {function} TO khala_relay")
            code, _ = await peer.closed()
            assert code == 4401
        await ready_relay(running)
        answer = await asking.get(f"/api/sync/snapshot/{NOTES}", headers=headers)
        assert answer.status_code == 401


async def test_it_holds_after_a_restart_and_for_http(newest_database: Database) -> None:
    async with running_relay(newest_database) as first:
        token, keyring = first.token(subject="ann"), first.keyring
    await asyncio.to_thread(revoke, newest_database, "sub", "ann")
    async with running_relay(newest_database, keyring, http_port=0) as second:
        await ready_relay(second)
        assert (await refusal(second.url(token)))[0] == 403
        async with http(second) as asking:
            answer = await asking.get(f"/api/sync/snapshot/{NOTES}", headers=bearer(token))
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_a_new_token_is_good_again_unless_it_is_for_ever(newest_database: Database) -> None:
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        now = time.time()
        await asyncio.to_thread(revoke, newest_database, "sub", "ann")
        async with running.joined(running.token(subject="ann", now=now + 2)) as peer:
            await peer.subscribe(NOTES)
            await asyncio.to_thread(revoke, newest_database, "sub", "ann", "infinity")
            await assert_revoked(peer)
            again = running.token(subject="ann", now=now + 3)
            assert (await refusal(running.url(again)))[0] == 403
        await asyncio.to_thread(revoke, newest_database, "sub", "ann", "-infinity")

        async def is_admitted() -> bool:
            return await authority_takes(running, again)

        await until(is_admitted, "the revocation is taken back")
        async with running.joined(again):
            pass


async def authority_takes(running: RunningRelay, token: str) -> bool:
    """Whether a socket opens with the token."""
    try:
        async with running.open(token):
            return True
    except InvalidStatus:
        return False


async def test_the_new_token_of_a_refresh_may_be_the_revoked_one(
    newest_database: Database,
) -> None:
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined(running.token(subject="ann")) as peer:
            newer = running.token(subject="ann")
            await peer.ask("sync:refresh", {"token": newer})
            value = claims_of(running, newer).token_id
            await asyncio.to_thread(revoke, newest_database, "jti", value)
            await assert_revoked(peer)
        async with running.joined(running.token(subject="ann")) as peer:
            refused = await peer.ask_in_vain("sync:refresh", {"token": newer})
            assert refused["code"] == "unauthorized"


async def test_narrowing_at_refresh_ends_topics_at_once(newest_database: Database) -> None:
    async with running_relay(newest_database) as running, writer(newest_database) as write:
        await ready_relay(running)
        async with running.joined(running.token(subject="ann")) as peer:
            await peer.subscribe(NOTES, RUNS)
            for _ in range(2):
                await peer.event("sync:update_batch")
            narrow = running.token(subject="ann", scopes=(NOTES,))
            await peer.ask("sync:refresh", {"token": narrow})
            await write.sink("r1", topic=RUNS)
            await write.sink("d1")
            updates, _ = await peer.updates_until(1)
            assert [update["doc_key"] for update in updates] == ["d1"]
            error = await peer.event("sync:error")
            assert (error["code"], error["forbidden_topics"]) == ("forbidden_topic", [RUNS])
            assert [frame for frame in peer.frames if frame[3] == "sync:update_batch"] == []


async def test_revoking_on_the_command_line(newest_database: Database) -> None:
    async def khala(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            KHALA,
            "revoke",
            *arguments,
            f"--database={newest_database.dba_dsn}",
            stderr=asyncio.subprocess.PIPE,
        )
        _, err = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, err.decode()

    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined(running.token(subject="ann")) as peer:
            assert await khala("--sub", "ann", "--reason", "test") == (0, "")
            await assert_revoked(peer)
    for arguments in ([], ["--sub", "a", "--org", "b"], ["--sub", "a", "--lift", "--for-ever"]):
        code, said = await khala(*arguments)
        assert code != 0
        assert "Pass one" in said
