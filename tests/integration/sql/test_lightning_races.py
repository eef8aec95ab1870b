"""Operators call the control plane at the same time: one order of the calls explains the end."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from threading import Barrier
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.trials.waiting import wait_until

PREIMAGE = "0f" * 32
PAYMENT_HASH = sha256(bytes.fromhex(PREIMAGE)).hexdigest()
WHOSE = {"paywallId": "pw", "ownerId": "ann", "amountMsats": 1000}
INVOICE = "lightning/settlements:ingestInvoiceLifecycle"
SETTLE = "lightning/settlements:ingestSettlement"
SETTLEMENT = {
    **WHOSE,
    "invoiceId": "i",
    "paymentProofType": "lightning_preimage",
    "paymentProofValue": PREIMAGE,
}
PAYWALL = {"paywallId": "pw", "name": "N", "policy": {"fixedAmountMsats": 1000}}
CREATE = "SELECT lightning.create_paywall(%s, %s)"
Call = tuple[str, dict[str, Any]]


def at_once(database: Database, calls: Sequence[Call]) -> list[dict[str, Any] | str]:
    """Results of calls that begin together; the SQLSTATE where one is refused."""
    barrier = Barrier(len(calls))

    def make(call: Call) -> dict[str, Any] | str:
        function, args = call
        with psycopg.connect(database.dsn_as("lightning"), autocommit=True) as connection:
            barrier.wait(60)
            try:
                query = "SELECT lightning.call(%s, %s, true)"
                row = connection.execute(query, (function, Jsonb(args))).fetchone()
            except psycopg.Error as error:
                return str(error.sqlstate)
            assert row is not None
            return dict(row[0])

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(make, calls))


@pytest.fixture(params=["direct", "grouped"])
def invoiced(request: pytest.FixtureRequest, database: Database) -> Database:
    """A database with an open invoice, whose settlements are written in either way."""
    with database.connect() as connection:
        connection.execute(
            "SELECT khala.set_topic_writes('lightning.settlements', %s)", [request.param]
        )
        connection.execute(CREATE, ("ann", Jsonb(PAYWALL)))
        args = {**WHOSE, "invoiceId": "i", "status": "open", "paymentHash": PAYMENT_HASH}
        connection.execute("SELECT lightning.call(%s, %s, true)", (INVOICE, Jsonb(args)))
    return database


def status(database: Database) -> tuple[str, str]:
    """Status of the invoice, in its table and in its document."""
    with database.connect() as connection:
        connection.execute("SELECT khala.sequence('lightning.settlements')")
        check_topic(connection, "lightning.settlements")
        row = connection.execute(
            "SELECT i.status::text, d.payload ->> 'status' FROM lightning.invoices AS i"
            " JOIN runtime.sync_documents AS d"
            " ON d.topic = 'lightning.settlements' AND d.doc_key = 'invoice/' || i.invoice_id"
        ).fetchone()
        assert row is not None
        in_table, in_document = row
        return in_table, in_document


def settlements(database: Database) -> int:
    with database.connect() as connection:
        row = connection.execute("SELECT count(*) FROM lightning.settlements").fetchone()
        assert row is not None
        return int(row[0])


def test_sixteen_settlements_of_one_invoice(invoiced: Database) -> None:
    calls = [(SETTLE, {**SETTLEMENT, "settlementId": f"s{number}"}) for number in range(16)]
    found = at_once(invoiced, calls)
    assert Counter(each if isinstance(each, str) else "done" for each in found) == {
        "done": 1,
        "KH021": 15,
    }
    assert settlements(invoiced) == 1
    assert status(invoiced) == ("settled", "settled")


def test_sixteen_repeats_of_one_settlement(invoiced: Database) -> None:
    found = at_once(invoiced, [(SETTLE, {**SETTLEMENT, "settlementId": "s"})] * 16)
    existed = Counter(each["existed"] for each in found if isinstance(each, dict))
    assert existed == {False: 1, True: 15}
    assert settlements(invoiced) == 1
    assert status(invoiced) == ("settled", "settled")


def test_sixteen_states_of_one_invoice(invoiced: Database) -> None:
    states = ["open", "canceled", "expired", "settled"] * 4
    calls = [(INVOICE, {**WHOSE, "invoiceId": "i", "status": each}) for each in states]
    found = at_once(invoiced, calls)
    changed = Counter(
        state
        for state, each in zip(states, found, strict=True)
        if isinstance(each, dict) and each["changed"]
    )
    assert all(isinstance(each, dict) for each in found)
    assert changed["settled"] == 1
    assert changed["open"] == 0
    assert changed["canceled"] + changed["expired"] <= 1
    assert status(invoiced) == ("settled", "settled")


def test_an_invoice_and_a_paywall_that_many_make_at_once(database: Database) -> None:
    """Each call finds what another has made, in whatever index they meet: that takes many tries."""
    tries, callers = 150, 12
    with database.connect() as connection:
        connection.execute(CREATE, ("ann", Jsonb(PAYWALL)))
    barrier = Barrier(callers)

    def make(_: int) -> Counter[str]:
        found: Counter[str] = Counter()
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            for number in range(tries):
                payment_hash = sha256(str(number).encode()).hexdigest()
                args = {**WHOSE, "invoiceId": f"i{number}", "status": "open"}
                invoice = (INVOICE, Jsonb({**args, "paymentHash": payment_hash}))
                barrier.wait(60)
                row = connection.execute("SELECT lightning.call(%s, %s, true)", invoice).fetchone()
                assert row is not None
                found["new invoice"] += row[0]["changed"]
                barrier.wait(60)
                try:
                    connection.execute(
                        CREATE, ("ann", Jsonb({**PAYWALL, "paywallId": f"p{number}"}))
                    )
                    found["new paywall"] += 1
                except psycopg.Error as error:
                    found[str(error.sqlstate)] += 1
        return found

    with ThreadPoolExecutor(callers) as threads:
        found = sum(threads.map(make, range(callers)), Counter[str]())
    others = tries * (callers - 1)
    assert found == {"new invoice": tries, "new paywall": tries, "KH021": others}


@pytest.mark.parametrize("late", ["canceled", "expired"])
def test_a_settlement_against_the_end_of_its_invoice(invoiced: Database, late: str) -> None:
    ends: list[Call] = [(INVOICE, {**WHOSE, "invoiceId": "i", "status": late})] * 8
    settles: list[Call] = [(SETTLE, {**SETTLEMENT, "settlementId": "s"})] * 8
    found = at_once(invoiced, [call for pair in zip(ends, settles, strict=True) for call in pair])
    assert all(isinstance(each, dict) for each in found), found
    assert settlements(invoiced) == 1
    assert status(invoiced) == ("settled", "settled")


def test_another_owner_takes_a_route_meanwhile(database: Database) -> None:
    def paywall(owner: str) -> tuple[str, Jsonb]:
        route = {
            "routeId": "rt",
            "hostPattern": "h.example",
            "pathPattern": "/",
            "upstreamUrl": f"https://{owner}.example",
            "protocol": "https",
        }
        return owner, Jsonb({**PAYWALL, "paywallId": owner, "routes": [route]})

    def second() -> str | None:
        with database.connect() as connection:
            try:
                connection.execute("SET application_name = 'second'")
                connection.execute(CREATE, paywall("bob"))
            except psycopg.Error as error:
                return error.diag.message_primary
        return None

    with database.connect() as watch, ThreadPoolExecutor(1) as threads:
        with psycopg.connect(database.dsn) as first:
            first.execute(CREATE, paywall("ann"))
            refused = threads.submit(second)

            def waits() -> bool:
                row = watch.execute(
                    "SELECT count(*) FROM pg_stat_activity"
                    " WHERE application_name = 'second' AND wait_event_type = 'Lock'"
                ).fetchone()
                return row == (1,)

            wait_until(waits, "the second owner waits for the first", 60)
        assert refused.result(60) == "invalid_routeId"
        found = watch.execute("SELECT paywall_id, upstream_url FROM lightning.routes").fetchall()
        assert found == [("ann", "https://ann.example")]


def test_rotations_against_revocations(database: Database) -> None:
    role = {"role": "operator_admin"}
    verbs = ["rotate", "activate", "revoke", "rotate"] * 4
    calls = [(f"lightning/security:{verb}CredentialRole", role) for verb in verbs]
    found = at_once(database, calls)
    roles = [each["role"] for each in found if isinstance(each, dict)]
    assert len(roles) == 16
    for verb, each in zip(verbs, roles, strict=True):
        expected = {"rotate": "rotating", "activate": "active", "revoke": "revoked"}
        assert each["status"] == expected[verb]
        assert ("revokedAtMs" in each) == (verb == "revoke")
        if verb == "revoke":
            assert "lastRotatedAtMs" not in each
    rotated = [each["version"] for each in roles if each["status"] == "rotating"]
    # Every rotation is a version of its own.
    assert len(set(rotated)) == len(rotated) == 8
    with database.connect() as connection:
        head = check_topic(connection, "lightning.security").head
        row = connection.execute(
            "SELECT r.status::text, r.version, d.payload ->> 'status', d.payload ->> 'version'"
            " FROM lightning.credential_roles AS r JOIN runtime.sync_documents AS d"
            " ON d.topic = 'lightning.security' AND d.doc_key = 'role/' || r.role"
        ).fetchone()
    assert head == 16
    assert row is not None
    assert (row[0], str(row[1])) == row[2:]
    assert row[1] == max(each["version"] for each in roles)
