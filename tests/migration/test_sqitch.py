"""The same files, deployed by sqitch and by `khala migrate`, make the same schema."""

import pytest

from khala_pg.migration.migrate import migrate, revert, status
from khala_pg.migration.sqitch_files import MigrationError, read_plan
from khala_pg.postgres.server import PostgresServer
from khala_pg.resources import db_dir
from support.postgres.databases import empty
from support.postgres.sqitch import needs_sqitch, sqitch
from support.schema.schema_dump import dump_schema

pytestmark = needs_sqitch


def test_sqitch_and_yoyo_leave_the_same_schema(oldest_server: PostgresServer) -> None:
    with empty(oldest_server) as by_sqitch, empty(oldest_server) as by_yoyo:
        nothing = dump_schema(oldest_server, by_sqitch.dsn)
        sqitch("deploy", by_sqitch.dsn, "--verify")
        migrate(by_yoyo.dsn)
        theirs = dump_schema(oldest_server, by_sqitch.dsn)
        ours = dump_schema(oldest_server, by_yoyo.dsn)
        assert "CREATE FUNCTION khala.sink(" in ours
        assert theirs == ours

        sqitch("verify", by_sqitch.dsn)
        sqitch("revert", by_sqitch.dsn, "-y")
        assert dump_schema(oldest_server, by_sqitch.dsn) == nothing

        # And again after a revert: nothing that is left behind gets in the way.
        sqitch("deploy", by_sqitch.dsn)
        assert dump_schema(oldest_server, by_sqitch.dsn) == ours


def test_a_database_kept_by_sqitch_stays_with_sqitch(oldest_server: PostgresServer) -> None:
    with empty(oldest_server) as database:
        sqitch("deploy", database.dsn, "--to-change", "sync_tables")
        with pytest.raises(MigrationError, match="has not deployed runtime_tables"):
            migrate(database.dsn)
        sqitch("deploy", database.dsn)
        found = status(database.dsn)
        assert found.by_sqitch
        assert found.up_to_date
        assert found.applied == tuple(change.name for change in read_plan(db_dir()))
        assert migrate(database.dsn).changes == ()
        with pytest.raises(MigrationError, match="sqitch deployed this database"):
            revert(database.dsn)


def test_sqitch_takes_over_what_khala_migrate_made(oldest_server: PostgresServer) -> None:
    with empty(oldest_server) as database:
        migrate(database.dsn)
        before = dump_schema(oldest_server, database.dsn)
        sqitch("deploy", database.dsn, "--log-only")
        sqitch("verify", database.dsn)
        assert "Nothing to deploy" in sqitch("status", database.dsn)
        assert dump_schema(oldest_server, database.dsn) == before
