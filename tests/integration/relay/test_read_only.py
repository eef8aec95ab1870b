"""The database takes no writes for a while: subscribers stay and get what is written later."""

import itertools
from pathlib import Path

from support.postgres.databases import Database
from support.relay.relay_process import QUICK, relay_process
from support.relay.relays import RUNS, Peer
from support.trials.waiting import until

_SINK = "SELECT khala.sink(%s, 'a', %s, '{}')"


async def test_a_feed_lives_through_it(own_database: Database, tmp_path: Path) -> None:
    with (
        relay_process(own_database.relay_dsn, tmp_path, QUICK) as relay,
        own_database.connect() as connection,
    ):
        connection.execute(_SINK, [RUNS, 1])
        async with Peer(relay.url("red")) as peer:
            await peer.join()
            await peer.subscribe(RUNS)
            await peer.updates_until(1, RUNS)
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            connection.execute("SELECT pg_reload_conf()")
            connection.execute("SET default_transaction_read_only = off")
            versions = itertools.count(2)

            def notices() -> bool:
                # It finds out when it has caught up and asks to be woken, which it may have done
                # before the setting reached its sessions: what this one still writes wakes it.
                connection.execute(_SINK, [RUNS, next(versions)])
                return not relay.is_ready()

            await until(notices, "the relay notices")
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
            await until(relay.is_ready, "the relay notices that it is over")
            last = next(versions)
            connection.execute(_SINK, [RUNS, last])
            updates, _ = await peer.updates_until(last, RUNS)
            assert [update["watermark"] for update in updates] == [*range(2, last + 1)]
            assert not [frame for frame in peer.frames if frame[3] in {"phx_error", "phx_close"}]
        assert "failed" not in relay.log_file.read_text()
