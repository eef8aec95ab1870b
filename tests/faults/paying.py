"""Payer that records invoices and payments through every fault and books the documents they make.

It calls as operators do: each call is repeated until it is answered. What was answered is there
once, with its documents, and nothing else is, or the ledger does not balance.
"""

import json
import random
import secrets
import time
from hashlib import sha256
from typing import Any

import psycopg

from faults.ledger import Written
from faults.writing import REPEATABLE, Writer, Writing

SETTLEMENTS = "lightning.settlements"
OWNER = "red"
_PAYWALL = {"paywallId": "pw", "name": "Paywall", "policy": {"fixedAmountMsats": 1000}}
_INVOICE = "lightning/settlements:ingestInvoiceLifecycle"
_SETTLE = "lightning/settlements:ingestSettlement"
_REFUSED = "KH020"
# What tables say and documents do not, or the other way round; and a payment without its end.
_HALF_DONE = """
SELECT coalesce(t.key, d.doc_key), t.status, d.payload ->> 'status' FROM (
    SELECT 'settlement/' || s.settlement_id AS key, NULL::text AS status, i.status AS ends
    FROM lightning.settlements AS s LEFT JOIN lightning.invoices AS i USING (invoice_id)
    UNION ALL
    SELECT 'invoice/' || i.invoice_id, i.status, 'settled' FROM lightning.invoices AS i
) AS t
FULL JOIN (SELECT * FROM runtime.sync_documents WHERE topic = 'lightning.settlements') AS d
    ON t.key = d.doc_key
WHERE t.key IS NULL OR d.doc_key IS NULL OR t.ends IS DISTINCT FROM 'settled'
    OR t.status IS DISTINCT FROM d.payload ->> 'status'
"""


def create_paywall(connection: psycopg.Connection[Any]) -> None:
    """The paywall that is paid."""
    connection.execute("SELECT lightning.create_paywall(%s, %s)", (OWNER, json.dumps(_PAYWALL)))


def check_payments(connection: psycopg.Connection[Any]) -> None:
    """Every payment has settled its invoice, and both have their documents."""
    wrong = connection.execute(_HALF_DONE).fetchall()
    assert not wrong, f"half done: {wrong[:5]}"


class Payer(Writer):
    """A writer whose transactions are calls of the control plane."""

    role = "lightning"

    def __init__(self, number: int, writing: Writing, rng: random.Random) -> None:
        super().__init__(number, writing, rng)
        self._paid = 0
        self._documents: dict[str, Written] = {}

    async def write_once(self) -> None:
        """The life of one invoice."""
        began = time.monotonic()
        self._paid += 1
        invoice_id = f"i{self._number}-{self._paid}"
        preimage = secrets.token_hex(32)
        whose = {"paywallId": "pw", "ownerId": OWNER, "amountMsats": self._rng.randint(1, 9999)}
        invoice = {**whose, "invoiceId": invoice_id, "status": "open"}
        if self._rng.random() < 0.8:
            invoice["paymentHash"] = sha256(bytes.fromhex(preimage)).hexdigest()
        await self._call(_INVOICE, invoice)
        settlement = {
            **{**whose, "settlementId": f"s{self._number}-{self._paid}", "invoiceId": invoice_id},
            **{"paymentProofType": "lightning_preimage", "metadata": {"n": self._paid}},
        }
        if "paymentHash" in invoice and self._rng.random() < 0.2:
            await self._is_refused({**settlement, "paymentProofValue": secrets.token_hex(32)})
        ended = {**invoice, "status": self._rng.choice(["canceled", "expired"])}
        if self._rng.random() < 0.3:
            await self._call(_INVOICE, ended)
        if self._rng.random() < 0.9:
            paid = {**settlement, "paymentProofValue": preimage}
            answer = await self._call(_SETTLE, paid)
            assert answer["invoice"]["status"] == "settled"
            if self._rng.random() < 0.3:
                assert (await self._call(_SETTLE, paid))["existed"]
            if self._rng.random() < 0.3:
                assert not (await self._call(_INVOICE, ended))["changed"]
        self._writing.spans[self._number].append((began, time.monotonic()))
        self._writing.commits[self._number] += 1

    async def _call(self, function: str, args: dict[str, Any]) -> dict[str, Any]:
        """The answer of a call that is repeated until it has one; its documents are booked."""
        while True:
            try:
                connection = await self._connect()
                found = await connection.execute(
                    "SELECT lightning.call(%s, %s, true)", (function, json.dumps(args))
                )
                [(answer,)] = await found.fetchall()
                await connection.commit()
                break
            except REPEATABLE:
                await self._back_off()
        for kind in ("settlement", "invoice"):
            if kind in answer:
                self._book(f"{kind}/{answer[kind][f'{kind}Id']}", answer[kind])
        return dict(answer)

    async def _is_refused(self, args: dict[str, Any]) -> None:
        try:
            await self._call(_SETTLE, args)
        except psycopg.Error as refused:
            if refused.sqlstate != _REFUSED:
                raise
            await self.close()
        else:
            raise AssertionError(f"a payment with another preimage is taken: {args}")

    def _book(self, key: str, payload: dict[str, Any]) -> None:
        """Each state of a document is a version of it."""
        before = self._documents.get(key)
        if before is None or before.payload != payload:
            version = 1 if before is None else before.doc_version + 1
            write = Written(key, version, OWNER, payload)
            self._documents[key] = write
            self._writing.staged[SETTLEMENTS, key, version] = write
