"""A standby of a test's server, streaming from it."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from khala_pg.postgres.server import PostgresServer
from support.servers import SETTINGS


@contextmanager
def standby_of(primary: PostgresServer, home: Path) -> Iterator[PostgresServer]:
    """A running standby in `home`, an empty directory that the server's account can reach."""
    shutil.copy(primary.home / "password", home / "password")
    standby = PostgresServer(home, pg_bin=primary.installation.bin_dir, settings=SETTINGS)
    if not standby.account.is_ours:
        shutil.chown(home, standby.account.uid, standby.account.gid)
    subprocess.run(
        [
            standby.installation.program("pg_basebackup"),
            f"--dbname={primary.dsn()}",
            f"--pgdata={home / 'cluster'}",
            "--write-recovery-conf",
            "--wal-method=stream",
            "--checkpoint=fast",
            "--no-sync",
        ],
        check=True,
        capture_output=True,
        cwd="/",
        **standby.account.popen_arguments(),  # type: ignore[call-overload]
    )
    with standby:
        yield standby
