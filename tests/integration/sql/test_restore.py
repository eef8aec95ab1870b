"""A backup that is put back: watermarks run again, so every older cursor must be refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from khala_pg.postgres.server import PostgresServer
from support.postgres.consistency import check_topic, replay_all, visible
from support.postgres.databases import Database, Template, cloned
from support.postgres.dumps import (
    dump,
    make_standby,
    restore_as,
    restore_data_only,
    restore_in_place,
    restore_over,
)
from support.postgres.servers import Servers
from support.postgres.sessions import SINK, sessions
from support.trials.waiting import wait_until

TOPIC = "runtime.run_summaries"
CHANGED = "KH003"


def _write(connection: psycopg.Connection[Any], first: int, last: int, mark: str) -> None:
    for number in range(first, last + 1):
        connection.execute(SINK, [TOPIC, f"{mark} {number}", 1, f'{{"from": "{mark}"}}', None])


def _epoch(connection: psycopg.Connection[Any]) -> str:
    """What a relay asks for each time it connects."""
    row = connection.execute("SELECT khala.ensure_epoch()").fetchone()
    assert row is not None
    return str(row[0])


def _refusal(connection: psycopg.Connection[Any], cursor: int, epoch: str | None) -> str:
    """Why the cursor is refused, by the replay and by the judge of subscriptions alike."""
    with pytest.raises(psycopg.Error) as refused:
        connection.execute(
            "SELECT * FROM khala.replay(%s, %s, NULL, 10, 1000, %s)", [TOPIC, cursor, epoch]
        )
    assert refused.value.sqlstate == CHANGED
    [entry] = json.loads(refused.value.diag.message_detail or "")
    judged = connection.execute(
        "SELECT stale, reason FROM khala.check_cursors(%s, %s::jsonb, %s)",
        [[TOPIC], json.dumps({TOPIC: cursor}), epoch],
    ).fetchone()
    assert judged == (True, entry["reason"])
    return str(entry["reason"])


def _check_restored(restored: Database, before: str) -> None:
    """The head is at 5 again; clients hold cursors up to 10 of the epoch before."""
    with restored.connect("relay") as relay, restored.connect("runtime") as runtime:
        after = _epoch(relay)
        assert after != before
        assert _epoch(relay) == after, "one restore is one new epoch"
        for cursor in (0, 3, 5, 8, 10):
            assert _refusal(relay, cursor, before) == "epoch_changed"
        # Even a client that knows of no epoch is not served what it would take for something else.
        assert _refusal(relay, 10, None) == "cursor_ahead"
        _write(runtime, 6, 12, "after")
        for cursor in (5, 10, 12):
            assert _refusal(relay, cursor, before) == "epoch_changed"
        page = relay.execute(
            "SELECT page FROM khala.replay(%s, 5, NULL, 10, 1000000, %s)", [TOPIC, after]
        ).fetchone()
        assert page is not None
        updates = json.loads(page[0])["updates"]
        assert [u["doc_key"] for u in updates] == [f"after {n}" for n in range(6, 13)]
    with restored.connect() as connection:
        assert check_topic(connection, TOPIC).head == 12
        assert replay_all(connection, TOPIC, None)[0] == visible(connection, TOPIC, None)


@pytest.fixture
def backup(database: Database, tmp_path: Path) -> tuple[Path, str]:
    """A backup at watermark 5 of a database that went on to 10, and the epoch of both."""
    file = tmp_path / "backup"
    with database.connect("relay") as relay, database.connect("runtime") as runtime:
        epoch = _epoch(relay)
        _write(runtime, 1, 5, "before")
        dump(database, file)
        _write(runtime, 6, 10, "lost")
    return file, epoch


def test_into_another_database_of_the_same_server(
    database: Database, backup: tuple[Path, str]
) -> None:
    file, epoch = backup
    restored = restore_as(database.server, f"{database.name}_copy", database.passwords, file)
    _check_restored(restored, epoch)
    with database.connect("relay") as relay:
        assert _epoch(relay) == epoch, "the origin goes on in its own epoch"


@pytest.mark.parametrize("put_back", [restore_over, restore_in_place, restore_data_only])
def test_over_the_database_itself(
    database: Database,
    backup: tuple[Path, str],
    put_back: Callable[[Database, Path], None],
) -> None:
    file, epoch = backup
    put_back(database, file)
    _check_restored(database, epoch)


def test_over_the_database_itself_twice(database: Database, backup: tuple[Path, str]) -> None:
    """Two restores are two epochs, even if nobody connected between them."""
    file, epoch = backup
    restore_over(database, file)
    with database.connect("relay") as relay:
        first = _epoch(relay)
    restore_over(database, file)
    with database.connect("relay") as relay:
        assert _epoch(relay) not in {epoch, first}
        assert _refusal(relay, 3, first) == "epoch_changed"


def test_on_another_server(
    newest_database: Database,
    own_server: PostgresServer,
    template_of: Callable[[PostgresServer], Template],
    tmp_path: Path,
) -> None:
    """Same name, same object ids, as a backup put on a rebuilt machine would have."""
    file = tmp_path / "backup"
    with newest_database.connect("relay") as relay, newest_database.connect("runtime") as runtime:
        epoch = _epoch(relay)
        _write(runtime, 1, 5, "before")
        dump(newest_database, file)
        _write(runtime, 6, 10, "lost")
    passwords = template_of(own_server).passwords
    _check_restored(restore_as(own_server, newest_database.name, passwords, file), epoch)


def test_from_the_oldest_version_to_the_newest(
    oldest_server: PostgresServer,
    newest_server: PostgresServer,
    template_of: Callable[[PostgresServer], Template],
    newest_database: Database,
    tmp_path: Path,
) -> None:
    """An upgrade by dump and restore is a restore."""
    file = tmp_path / "backup"
    with (
        cloned(template_of(oldest_server)) as source,
        source.connect("relay") as relay,
        source.connect("runtime") as runtime,
    ):
        epoch = _epoch(relay)
        _write(runtime, 1, 5, "before")
        dump(source, file)
    restored = restore_as(
        newest_server, f"{newest_database.name}_upgraded", newest_database.passwords, file
    )
    _check_restored(restored, epoch)


def test_on_a_standby_that_is_promoted_before_it_has_everything(
    own_database: Database, servers: Servers
) -> None:
    """A failover that loses commits: the same server to look at, on another timeline."""
    primary = own_database.server
    with own_database.connect("relay") as relay, own_database.connect("runtime") as runtime:
        epoch = _epoch(relay)
        _write(runtime, 1, 5, "before")
        with make_standby(primary, servers.new_home("standby") / "home") as standby:
            copy = Database(standby, own_database.name, own_database.passwords)
            with copy.connect() as connection, copy.connect("relay") as reader:
                # It serves readers in the epoch it shares with the primary.
                assert reader.execute("SELECT khala.current_epoch()").fetchone() == (epoch,)
                connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
                connection.execute("SELECT pg_reload_conf()")
                wait_until(
                    lambda: (
                        connection.execute("SELECT count(*) FROM pg_stat_wal_receiver").fetchone()
                        == (0,)
                    ),
                    "the standby follows no more",
                )
                _write(runtime, 6, 10, "lost")
                assert connection.execute("SELECT pg_promote(TRUE)").fetchone() == (True,)
            _check_restored(copy, epoch)


def test_two_relays_that_meet_a_restored_database_at_once_agree(
    database: Database, backup: tuple[Path, str]
) -> None:
    file, epoch = backup
    restore_over(database, file)
    with sessions(database, 2, "relay") as (first, second):
        [(new,)] = first.run("SELECT khala.ensure_epoch()")
        waiting = second.start("SELECT khala.ensure_epoch()")
        first.commit()
        assert new != epoch
        assert waiting.result() == [(new,)]
        second.commit()


def test_an_epoch_begun_by_hand_makes_every_cursor_stale(database: Database) -> None:
    """For what the database cannot notice by itself, such as a disk put back from a copy."""
    with database.connect("relay") as relay, database.connect("dba") as dba:
        epoch = _epoch(relay)
        with database.connect("runtime") as runtime:
            _write(runtime, 1, 5, "before")
        dba.execute("SELECT khala.new_epoch('disk restored')")
        assert _refusal(relay, 3, epoch) == "epoch_changed"
        assert _epoch(relay) != epoch
