"""A real PgBouncer before a database."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import psycopg
import pytest

from khala_pg.postgres import free_ports
from support.postgres.databases import Database
from support.programs.missing import skip_without


@contextmanager
def pooled(
    database: Database,
    role: str | None = None,
    mode: Literal["transaction", "session"] = "transaction",
    **settings: int,
) -> Iterator[str]:
    """A connection string that goes through the pooler, as the superuser or in a role.

    It names neither the login nor the database that the server knows. settings: of PgBouncer.
    """
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        skip_without("no pgbouncer (apt-get install pgbouncer)")
    where = psycopg.conninfo.conninfo_to_dict(
        database.dsn if role is None else database.dsn_as(role)
    )
    port = free_ports.free_port()
    config = database.server.home.parent / f"pgbouncer-{port}.ini"
    config.write_text(
        "[databases]\n"
        f"any = host=127.0.0.1 port={database.server.port} user={where['user']} "
        f"password='{where['password']}' dbname={database.name}\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = any\npool_mode = {mode}\n"
        + "".join(f"{name} = {value}\n" for name, value in settings.items())
    )
    identity: dict[str, object] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    process = subprocess.Popen(
        [program, str(config)],
        stdout=subprocess.DEVNULL,
        # In a pipe that nobody reads it stands still once its log has filled that.
        stderr=subprocess.DEVNULL,
        **identity,  # type: ignore[call-overload]
    )
    dsn = f"postgresql://any@127.0.0.1:{port}/any"
    try:
        while True:
            try:
                psycopg.connect(dsn, connect_timeout=5).close()
                break
            except psycopg.OperationalError:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.05)
        yield dsn
    finally:
        process.kill()
        process.wait()
        config.unlink()
