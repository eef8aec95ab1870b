"""A client whose token ends or does not suffice, and documents that are not what was announced."""

import pytest

from khala_pg.client import (
    ConnectionState,
    Endpoint,
    ForbiddenTopicError,
    HydrationBehindError,
    KhalaClient,
    PayloadHashMismatchError,
    Start,
    Status,
)
from support.postgres.databases import Database
from support.relay.client_relay import NOTES, RUNS, SOON, contents, running_relay, sink
from support.trials.waiting import until

EARLIEST = Start(snapshot=False)


def states(client_states: list[Status]) -> list[ConnectionState]:
    """The states a client went through, each once in a row."""
    found: list[ConnectionState] = []
    for status in client_states:
        if not found or found[-1] is not status.state:
            found.append(status.state)
    return found


async def test_a_token_is_refreshed_on_a_live_connection(newest_database: Database) -> None:
    log: list[Status] = []
    async with running_relay(newest_database.relay_dsn) as relay:
        issued: list[Endpoint] = []

        async def endpoint() -> Endpoint:
            issued.append(relay.endpoint(ttl_s=3))
            return issued[-1]

        async with KhalaClient(endpoint, [RUNS], backoff=SOON, on_status=log.append) as client:
            await client.caught_up()
            log.clear()
            await until(lambda: len(issued) >= 4, "tokens are refreshed")
            sink(newest_database, "d", 1, {"n": 1})
            await until(lambda: contents(client) == {"d": {"n": 1}}, "the connection serves")
    assert states(log) == [ConnectionState.CONNECTED, ConnectionState.CLOSED]


async def test_a_token_that_expires_needs_another(newest_database: Database) -> None:
    log: list[Status] = []
    async with running_relay(newest_database.relay_dsn) as relay:
        token = relay.token(ttl_s=5)

        def endpoint() -> Endpoint:
            return Endpoint(relay.ws, token)

        async with KhalaClient(endpoint, [RUNS], backoff=SOON, on_status=log.append) as client:
            await client.caught_up()
            await until(
                lambda: client.status.state is ConnectionState.NEEDS_AUTH, "it asks for a token"
            )
            token = relay.token()
            await client.caught_up()
            sink(newest_database, "d", 1, {"n": 1})
            await until(lambda: contents(client) == {"d": {"n": 1}}, "the connection serves")


async def test_a_program_that_asks_for_no_status_hears_of_errors(
    newest_database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    """Once each, and its endpoint may be one that never changes."""
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(Endpoint(relay.ws, "a.b.c"), [RUNS], backoff=SOON) as client,
    ):
        await until(lambda: client.status.attempt > 3, "it tries again")
    [said] = [each for each in caplog.records if each.name == "khala.client"]
    assert said.levelname == "WARNING"
    assert "token" in said.getMessage()


async def test_a_topic_out_of_scope_is_final(newest_database: Database) -> None:
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(
            lambda: relay.endpoint(scopes=[RUNS]), [RUNS, NOTES], start=EARLIEST, backoff=SOON
        ) as client,
    ):
        with pytest.raises(ForbiddenTopicError) as refused:
            await anext(client.changes())
        assert refused.value.topics == (NOTES,)
        with pytest.raises(ForbiddenTopicError):
            await client.caught_up()


async def test_a_tampered_journal_row_is_fetched_anew(newest_database: Database) -> None:
    sink(newest_database, "a", 1, {"n": 1})
    with newest_database.connect() as connection:
        connection.execute("""UPDATE runtime.sync_stream_events SET payload = '{"n":666}'""")
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], start=EARLIEST, backoff=SOON) as client,
    ):
        await client.caught_up()
        assert contents(client) == {"a": {"n": 1}}


async def test_a_tampered_document_is_never_applied(newest_database: Database) -> None:
    sink(newest_database, "a", 1, {"n": 1})
    with newest_database.connect() as connection:
        connection.execute("""UPDATE runtime.sync_documents SET payload = '{"n":666}'""")
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
    ):
        await client.caught_up()
        assert isinstance(client.status.error, PayloadHashMismatchError)
        assert "run_summaries a: the payload's hash" in str(client.status.error)
        sink(newest_database, "b", 1, {"n": 1})
        await until(lambda: contents(client) == {"b": {"n": 1}}, "the others go on")
        assert client.status.topics[RUNS].watermark == 0
        sink(newest_database, "a", 2, {"n": 2})
        await until(lambda: client.status.topics[RUNS].watermark == 3, "it is put right")
        assert contents(client) == {"a": {"n": 2}, "b": {"n": 1}}


async def test_a_document_behind_its_pointer_is_waited_for(newest_database: Database) -> None:
    large = {"fill": "x" * 300 * 1024}
    sink(newest_database, "a", 5, large)
    with newest_database.connect() as connection:
        # What a read replica that lags would answer.
        connection.execute("UPDATE runtime.sync_documents SET doc_version = 4, watermark = 0")
        async with (
            running_relay(newest_database.relay_dsn) as relay,
            KhalaClient(relay.endpoint, [RUNS], start=EARLIEST, backoff=SOON) as client,
        ):
            await until(
                lambda: isinstance(client.status.error, HydrationBehindError), "it gives up once"
            )
            assert contents(client) == {}
            connection.execute("UPDATE runtime.sync_documents SET doc_version = 5, watermark = 1")
            await until(lambda: contents(client) == {"a": large}, "it is fetched again")
