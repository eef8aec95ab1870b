"""The requests of the pages about Lightning, sent as they stand there."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

from khala_pg.lightning.api.operations import FUNCTIONS
from support.http.control_plane import PAYMENT_HASH, PREIMAGE, SECRET, ControlPlane, control_plane
from support.postgres.databases import Database

_DOCS = Path(__file__).resolve().parents[3] / "docs"
REFERENCE = (_DOCS / "reference/lightning.md").read_text("utf-8")
FOR_OWNERS = (_DOCS / "howto/sell-routes.md").read_text("utf-8")
BLOCK = re.compile(r"^```(http|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if not key.endswith("AtMs")}
    if isinstance(value, list):
        return [timeless(each) for each in value]
    return value


async def says_what_it_does(plane: ControlPlane, document: str, owner: str) -> int:
    """Sends the requests of a page and compares the responses; the number of requests."""
    key = plane.make_key(owner, "lightning.paywalls")["Authorization"].split()[1]
    token = plane.running.token("operators", ("lightning.operate",), subject="ann")
    for name, value in (("secret", SECRET), ("key", key), ("token", token)):
        document = document.replace(f"<{name}>", value)
    blocks = BLOCK.findall(document)
    for (kind, block), (following, response) in pairwise([*blocks, ("", "")]):
        if kind == "json":
            continue
        head, _, content = block.partition("\n\n")
        first, *lines = head.splitlines()
        method, path = first.split()
        headers = dict(line.split(": ", 1) for line in lines)
        if path.endswith("/settlements?limit=50") and "st_1" in response:
            await pay(plane, path.split("/")[4], owner)
        answer = await plane.client.request(method, path, headers=headers, content=content)
        expected = timeless(json.loads(response)) if following == "json" else None
        assert answer.is_success != ("error" in (expected or {})), (first, answer.text)
        if expected is not None:
            assert timeless(answer.json()) == expected
    return len([kind for kind, _ in blocks if kind == "http"])


async def pay(plane: ControlPlane, paywall: str, owner: str) -> None:
    """What the gateway records of a payment."""
    whose = {"paywallId": paywall, "ownerId": owner, "invoiceId": "in_1", "amountMsats": 4000}
    proof = {"paymentProofType": "lightning_preimage", "paymentProofValue": PREIMAGE}
    for function, args in (
        ("ingestInvoiceLifecycle", {"status": "open", "paymentHash": PAYMENT_HASH}),
        ("ingestSettlement", {"settlementId": "st_1", **proof}),
    ):
        answer = await plane.mutate(f"lightning/settlements:{function}", **whose, **args)
        assert answer.status_code == 200, answer.text


async def test_the_reference(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        assert await says_what_it_does(plane, REFERENCE, "ann") >= 6


async def test_the_page_for_owners(newest_database: Database) -> None:
    async with control_plane(newest_database) as plane:
        assert await says_what_it_does(plane, FOR_OWNERS, "acme") >= 9


def test_every_function_is_documented() -> None:
    for function in FUNCTIONS:
        kind = "mutation" if function.is_mutation else "query"
        assert f"| `{function.name}` | {kind} |" in REFERENCE
