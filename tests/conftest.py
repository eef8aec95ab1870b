"""Fixtures for tests on real PostgreSQL servers.

`database` is a fresh migrated database; a test that uses it runs once on the oldest supported
PostgreSQL and once on the newest. Heavy tests use `newest_database` instead. `empty_database` has
nothing of Khala in it. Tests that stop or kill a server use `own_server` or `own_database`.
"""

import shutil
import signal
from collections.abc import Callable, Iterator

import hypothesis
import pytest

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import (
    TEMPLATE,
    Database,
    Template,
    cloned,
    empty,
    make_template,
    take_public_documents,
)
from support.postgres.servers import NEWEST, OLDEST, SETTINGS, VERSIONS, Servers
from support.programs.missing import skip_without

# On a loaded machine an example takes as long as it takes: pytest's timeout ends what hangs.
hypothesis.settings.register_profile("any load", deadline=None)
hypothesis.settings.load_profile("any load")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with long tests come first: so no worker has one left when the others have ended."""
    with_long_tests = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in with_long_tests)


@pytest.fixture(scope="session", autouse=True)
def heeded_signals() -> Iterator[None]:
    """Signals that nohup or a shell's background job ignores, heeded: tests send them to children,
    which inherit what is ignored."""
    ignored = {
        number
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)
        if signal.getsignal(number) is signal.SIG_IGN
    }
    for number in ignored:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session", autouse=True)
def state_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A state directory of the tests: a killed `khala run` leaves spool files in it."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """All servers of this session."""
    running = Servers()
    yield running
    running.close()


def _get(servers: Servers, version: str) -> PostgresServer:
    try:
        return servers.get(version)
    except LookupError as missing:
        skip_without(str(missing))


@pytest.fixture(scope="session", params=VERSIONS, ids=lambda version: f"pg{version}")
def server(request: pytest.FixtureRequest, servers: Servers) -> PostgresServer:
    """A running server; a test runs once on each version."""
    return _get(servers, request.param)


@pytest.fixture(scope="session")
def newest_server(servers: Servers) -> PostgresServer:
    """The running server of the newest version only."""
    return _get(servers, NEWEST)


@pytest.fixture(scope="session")
def oldest_server(servers: Servers) -> PostgresServer:
    """The running server of the oldest version only: Debian's, with Debian's extensions."""
    return _get(servers, OLDEST)


@pytest.fixture(scope="session")
def template_of() -> Callable[[PostgresServer], Template]:
    """The migrated template of a server, made at its first use."""
    made: dict[str, Template] = {}

    def get(server: PostgresServer) -> Template:
        key = str(server.home)
        if key not in made:
            made[key] = make_template(server)
        return made[key]

    return get


@pytest.fixture
def database(
    server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[Database]:
    """A fresh migrated database, on each version."""
    with cloned(template_of(server)) as made:
        yield made


@pytest.fixture
def newest_database(
    newest_server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[Database]:
    """A fresh migrated database on the newest version only."""
    with cloned(template_of(newest_server)) as made:
        yield made


@pytest.fixture
def empty_database(server: PostgresServer) -> Iterator[Database]:
    """A fresh database with nothing in it, on each version."""
    with empty(server) as made:
        yield made


@pytest.fixture
def own_server(servers: Servers) -> Iterator[PostgresServer]:
    """A newest server of this test's own, which it may stop, kill and restart."""
    home = servers.new_home("own")
    with PostgresServer(home, settings=SETTINGS) as running:
        yield running
    shutil.rmtree(home)


@pytest.fixture
def own_database(own_server: PostgresServer) -> Database:
    """A migrated database on a server of this test's own."""
    template = make_template(own_server)
    database = Database(own_server, TEMPLATE, template.passwords)
    take_public_documents(database.dsn)
    return database
