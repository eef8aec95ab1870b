"""`khala publish` and `khala publishers` when what they need is not there."""

import asyncio
import socket

from psycopg.conninfo import make_conninfo

from support.legacy.backend import LegacyBackend
from support.legacy.server import serving
from support.postgres.databases import Database
from support.programs.publishing import credential, once, published, started, write
from support.programs.runs import NO_DATABASE, environment, khala
from support.trials.waiting import until


async def test_it_waits_for_a_database_that_is_away(own_database: Database) -> None:
    backend = LegacyBackend()
    async with serving(backend) as url:
        dsn, variables = own_database.dsn, credential(backend)
        write(own_database, "r", 1)
        await asyncio.to_thread(own_database.server.stop, "fast")
        to = ["--to", "convex", "--url", url]
        async with started(dsn, *to, variables=variables) as worker:
            assert "the database is away" in await worker.said()
            await asyncio.to_thread(own_database.server.start)
            await worker.ready()
            await until(lambda: published(backend) == {"r": 1}, "it delivers")
            await asyncio.to_thread(own_database.server.stop, "fast")
            assert (await worker.stop()).status == 0
        await asyncio.to_thread(own_database.server.start)


async def test_it_ends_while_it_waits() -> None:
    variables = credential(LegacyBackend())
    to = ["--to", "convex", "--url", "http://127.0.0.1:1"]
    async with started(NO_DATABASE, *to, variables=variables) as worker:
        assert "the database is away" in await worker.said()
        ended = await worker.stop()
        assert (ended.status, ended.stdout) == (0, ""), ended
    done = await once(NO_DATABASE, *to, variables=variables)
    assert done.status == 1
    assert "the database cannot be reached" in done.stderr


async def test_it_says_each_reason_that_it_waits_for(own_database: Database) -> None:
    variables = credential(LegacyBackend())
    to = ["--to", "convex", "--url", "http://127.0.0.1:1"]
    wrong = make_conninfo(own_database.dsn_as("publisher"), password="wrong")
    await asyncio.to_thread(own_database.server.stop, "fast")
    async with started(wrong, *to, variables=variables) as worker:
        assert "the database is away" in await worker.said()
        await asyncio.to_thread(own_database.server.start)
        while "password authentication failed" not in await worker.said():
            pass
        assert (await worker.stop()).status == 0
    done = await once(wrong, *to, variables=variables)
    assert (done.status, "password authentication failed" in done.stderr) == (1, True), done


async def test_once_that_is_ended_before_it_worked_has_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        dsn = f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/none"
        to = ["--to", "convex", "--url", "http://127.0.0.1:1", "--once"]
        async with started(dsn, *to, variables=credential(LegacyBackend())) as worker:
            called, _ = await asyncio.get_running_loop().sock_accept(silent)
            with called:
                assert (await worker.stop()).status != 0


def test_only_what_is_there_is_asked_about(newest_database: Database) -> None:
    env = environment(newest_database.dsn)
    with newest_database.connect() as connection:
        connection.execute("SELECT khala.set_publisher('hook', 'webhook', 'http://127.0.0.1:1')")
    for arguments in ("none",), ("hook", "--topic", "shop.orders"):
        refused = khala("publishers", "remove", *arguments, env=env)
        assert refused.returncode == 1, refused
        assert b"Remove" not in refused.stdout + refused.stderr, refused
    assert b"has no topic 'shop.orders'" in refused.stderr
    asked = khala("publishers", "remove", "hook", env=env, stdin=b"n\n")
    assert (asked.returncode, asked.stdout.count(b"Remove hook")) == (1, 1), asked
    assert khala("publishers", "remove", "hook", env=env, stdin=b"y\n").returncode == 0
    asked = khala("topics", "remove", "shop.orders", env=env)
    assert asked.returncode == 1
    assert b"Remove" not in asked.stdout, asked
