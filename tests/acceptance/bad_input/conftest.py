"""One database and one relay for all bad input."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database, Template, cloned
from support.relay.relay_process import QUICK, RelayProcess, relay_process

LIMITS = {**QUICK, "max_bad_frames": 2}


@pytest.fixture(scope="package")
def database(
    newest_server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[Database]:
    """One database for all bad input: what one entry does to it, the next one would feel."""
    with cloned(template_of(newest_server)) as made:
        with made.connect() as connection:
            connection.execute(
                "SELECT khala.register_topic('test.strict', NULL, 'inline', p_ownership => 'mixed')"
            )
            connection.execute(
                "SELECT khala.register_topic('test.public', p_ownership => 'public')"
            )
        yield made


@pytest.fixture(scope="package")
def relay(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    directory: Path = tmp_path_factory.mktemp("relay")
    with relay_process(database.relay_dsn, directory, LIMITS) as running:
        yield running
        assert running.process.poll() is None, "the relay did not survive"
        assert "Traceback" not in running.log_file.read_text()
