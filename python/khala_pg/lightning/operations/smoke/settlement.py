"""`smoke settlement`: an invoice, its settlement, and a repeat that changes nothing.

Identifiers and proof are always the same, so that another run of it changes nothing either.
"""

import hashlib
from typing import Any

from khala_pg.lightning.compiler.rules import price_msats
from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.gateway import Payment
from khala_pg.lightning.operations.observability import Observation
from khala_pg.lightning.operations.owners import OwnerApi
from khala_pg.lightning.operations.progress import Say
from khala_pg.lightning.operations.smoke.checks import expect
from khala_pg.lightning.operations.smoke.paywalls import smoke_paywalls
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import Paywall


async def run(plane: ControlPlane, owner: OwnerApi | None, say: Say) -> dict[str, Any]:
    """The result of the check. Raises OpsError."""
    say("reading the paywalls")
    paywall, _ = await smoke_paywalls(plane, owner, say)
    return await settle(plane, paywall, made_up_payment("settlement"), "smoke_settlement", say)


def made_up_payment(check: str) -> Payment:
    """A payment that nobody made, the same for each run of a check."""
    said = hashlib.sha256(f"khala lightning smoke {check}".encode()).hexdigest()
    return Payment(invoice=f"lnsmoke{check}", preimage=said)


async def settle(
    plane: ControlPlane, paywall: Paywall, payment: Payment, name: str, say: Say
) -> dict[str, Any]:
    """Invoice and settlement of a payment, with their checks. name: ends both identifiers."""
    whose = {"paywallId": paywall.paywall_id, "ownerId": paywall.owner_id}
    amount = {"amountMsats": max(1, price_msats(paywall.policy))}
    request_id = f"req_{name}"
    invoice = {
        **whose,
        **amount,
        "invoiceId": f"inv_{name}",
        "status": "open",
        "paymentHash": payment.payment_hash,
        "paymentRequest": payment.invoice,
        "requestId": request_id,
    }
    settlement = {
        **whose,
        **amount,
        "settlementId": f"set_{name}",
        "invoiceId": invoice["invoiceId"],
        "paymentHash": payment.payment_hash,
        "paymentProofType": "lightning_preimage",
        "paymentProofValue": payment.preimage,
        "requestId": request_id,
        "routeId": paywall.routes[0].route_id,
        "metadata": {"smoke": True},
    }
    say("recording the invoice")
    opened = await plane.ingest_invoice(invoice)
    say("recording the settlement, twice")
    first = await plane.ingest_settlement(settlement)
    again = await plane.ingest_settlement(settlement)
    expect(
        again["existed"] is True and again["settlement"] == first["settlement"],
        "a repeated settlement answers existed and the stored one",
        existed=again["existed"],
    )
    settled = again.get("invoice") or {}
    expect(settled.get("status") == "settled", "the invoice is settled", invoice=settled)
    late = await plane.ingest_invoice(invoice)
    expect(
        late["changed"] is False and late["invoice"].get("status") == "settled",
        "an invoice that is settled does not become open again",
        changed=late["changed"],
    )
    return {
        **whose,
        "invoiceId": invoice["invoiceId"],
        "invoiceChanged": opened["changed"],
        "invoiceStatus": "settled",
        "settlementId": settlement["settlementId"],
        "existed": first["existed"],
        "existedOnRepeat": True,
        "paymentProofRef": first["settlement"]["paymentProofRef"],
        "records": [
            Observation(
                endpoint=endpoint,
                plane="settlement",
                request_id=request_id,
                paywall_id=paywall.paywall_id,
                quoted_cost_msats=amount["amountMsats"],
                cap_applied_msats=_cap(paywall),
                paid_amount_msats=paid,
                payment_proof_ref=proof,
            ).json()
            for endpoint, paid, proof in (
                ("lightning/settlements:ingestInvoiceLifecycle", None, None),
                (
                    "lightning/settlements:ingestSettlement",
                    first["settlement"]["amountMsats"],
                    first["settlement"]["paymentProofRef"],
                ),
            )
        ],
    }


def _cap(paywall: Paywall) -> int | None:
    policy = paywall.policy
    return policy.max_per_request_msats if policy.HasField("max_per_request_msats") else None
