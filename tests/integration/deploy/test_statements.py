"""The SQL of deploy/ runs as it stands there."""

import re
import subprocess
from pathlib import Path

from support.postgres.databases import Database
from support.relay.relays import NOTES

DEPLOY = Path(__file__).resolve().parents[3] / "deploy"


def test_pg_cron_schedules_a_statement_that_purges(database: Database) -> None:
    text = (DEPLOY / "pg_cron.sql").read_text("utf-8")
    scheduled = re.search(r"\$job\$(.*)\$job\$", text, re.DOTALL)
    assert scheduled is not None
    with database.connect() as connection:
        connection.execute("SELECT khala.sink(%s, 'k', 1, '{}')", (NOTES,))
        connection.execute(
            "UPDATE runtime.sync_stream_events SET inserted_at = now() - interval '1 year'"
        )
    with database.connect("dba") as connection:
        rows = connection.execute(scheduled[1].encode()).fetchall()
    assert [row[1] for row in rows if row[0] == NOTES] == [1]


def test_logins_are_made_and_made_again(database: Database) -> None:
    command = [
        *("psql", database.dsn, "--no-psqlrc", "--set=ON_ERROR_STOP=1"),
        *("--set=relay_password=one'two", "--set=dba_password=three"),
        f"--file={DEPLOY / 'container/logins.sql'}",
    ]
    try:
        for _ in range(2):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        with database.connect() as connection:
            rows = connection.execute(
                "SELECT pg_has_role('relay', 'khala_relay', 'member'),"
                " pg_has_role('dba', 'khala_dba', 'member')"
            ).fetchall()
        assert rows == [(True, True)]
    finally:
        with database.connect() as connection:
            connection.execute("DROP ROLE IF EXISTS relay, dba")
