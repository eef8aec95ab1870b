"""The checker of the fault suite finds what it is there to find: in frames, and in the database."""

import asyncio
import random
from pathlib import Path

import pytest

from faults.ledger import Ledger, Written
from faults.lies import CASES, Case, Misled
from faults.paying import SETTLEMENTS, Payer, check_payments, create_paywall
from faults.world import has_reached
from faults.writing import RECORD, Writer, Writing
from support.postgres.databases import Database
from support.relay.relay_process import QUICK, relay_process

TOPIC = "runtime.run_summaries"
ORG = "nobody"
_COMMITS = 100
# Several pages, so that frames follow each other.
_PAGES = {**QUICK, "max_batch_updates": 8}

# What the checker says, and what the database has then that no writer was told.
FORGERIES = {
    "or unknown: ": "SELECT khala.sink(%s, 'a stranger', 1, '{}')",
    "has a hole": "DELETE FROM runtime.sync_stream_events WHERE topic = %s AND watermark = 3",
    "written was": (
        "UPDATE runtime.sync_stream_events SET org_id = 'green' WHERE topic = %s AND watermark = 1"
    ),
    "disagree": "UPDATE runtime.sync_documents SET payload = '{\"n\": -1}' WHERE topic = %s",
    "do not follow": (
        "UPDATE runtime.sync_stream_events SET doc_version = 1000 WHERE topic = %s"
        " AND watermark = 1"
    ),
}


async def _write(database: Database) -> Ledger:
    """Work of every sort, and the ledger of it."""
    writing = Writing(database, [TOPIC, "runtime.notifications"])
    writer = Writer(0, writing, random.Random(5))
    for _ in range(_COMMITS):
        await writer.write_once()
    await writer.close()
    return writing.ledger


async def test_a_lie_to_a_subscriber_is_found(newest_database: Database, tmp_path: Path) -> None:
    ledger = await _write(newest_database)
    heads = {TOPIC: ledger.heads()[TOPIC]}
    with (
        relay_process(newest_database.relay_dsn, tmp_path, _PAGES) as relay,
        newest_database.connect() as connection,
    ):

        def subscriber(case: Case | None) -> Misled:
            name = "honest" if case is None else case.name
            witness = Misled(
                name, ORG, [TOPIC], lambda: relay.url(ORG), lambda: relay.endpoint(ORG)
            )
            witness.case = case
            witness.answer_s = 20
            return witness

        async def books(witness: Misled) -> None:
            async with asyncio.timeout(60):
                await witness.live(lambda: has_reached(witness, heads), random.Random(5), None)
            witness.check_against(ledger, connection)

        honest = subscriber(None)
        await books(honest)
        assert honest.frames > 3
        misled = [subscriber(case) for case in CASES]
        found = await asyncio.gather(*map(books, misled), return_exceptions=True)
    for case, witness, finding in zip(CASES, misled, found, strict=True):
        assert witness.is_told, f"{case.name}: {finding!r}"
        assert isinstance(finding, AssertionError), f"{case.name}: {finding!r}"
        assert case.finding in str(finding), f"{case.name}: {finding}"


async def test_what_was_not_written_so_is_found_in_the_database(newest_database: Database) -> None:
    ledger = await _write(newest_database)
    with newest_database.connect() as connection:
        # The history defends itself; whoever breaks it has to go past that.
        connection.execute("SET session_replication_role = replica")
        heads = ledger.check(connection, ledger.heads())
        assert heads == ledger.heads()
        for finding, forgery in FORGERIES.items():
            with connection.transaction(force_rollback=True):
                connection.execute(forgery, [TOPIC])
                with pytest.raises(AssertionError, match=finding):
                    ledger.check(connection, heads)
        # A commit that somebody was told of is not there.
        last = Written("writer 0/0", 1000, None, {})
        ledger.add(TOPIC, heads[TOPIC] + 1, last)
        with pytest.raises(AssertionError, match=f"the head is {heads[TOPIC]}"):
            ledger.check(connection, heads)
        with pytest.raises(AssertionError, match="was given to"):
            ledger.add(TOPIC, heads[TOPIC] + 1, last)


HALF_DONE = (
    "UPDATE lightning.invoices SET status = 'expired', settled_at_ms = NULL"
    " WHERE invoice_id = 'i0-1'",
    "DELETE FROM lightning.settlements WHERE settlement_id = 's0-1'",
    "DELETE FROM runtime.sync_documents WHERE doc_key = 'settlement/s0-1'",
    'UPDATE runtime.sync_documents SET payload = payload || \'{"status": "open"}\''
    " WHERE doc_key = 'invoice/i0-1'",
)


async def test_a_payment_half_done_is_found(newest_database: Database) -> None:
    writing = Writing(newest_database, [])
    payer = Payer(0, writing, random.Random(5))
    with newest_database.connect() as connection:
        connection.execute(RECORD)
        create_paywall(connection)
        for _ in range(20):
            await payer.write_once()
        await payer.close()
        assert await writing.book_staged() == 0
        writing.ledger.check(connection, [SETTLEMENTS])
        check_payments(connection)
        # Constraints and triggers defend it; whoever breaks it has to go past them.
        connection.execute("SET session_replication_role = replica")
        for forgery in HALF_DONE:
            with connection.transaction(force_rollback=True):
                assert connection.execute(forgery).rowcount == 1
                with pytest.raises(AssertionError, match="half done"):
                    check_payments(connection)
