"""Random calls: what is refused leaves nothing behind, and nothing is a fault of the server.

KHALA_TEST_BAD_CALLS=10000 makes so many of them.
"""

import json
import os
import subprocess
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from khala_pg.lightning.api.operations import OPERATORS
from support.http.control_plane import PAYMENT_HASH, PAYWALL, PREIMAGE, SECRET, control_plane
from support.postgres.databases import Database
from support.trials.seeds import choose_seed, stream

FUNCTIONS = (
    "lightning/ops:recordGatewayCompileIntent",
    "lightning/ops:recordGatewayDeploymentEvent",
    "lightning/settlements:ingestInvoiceLifecycle",
    "lightning/settlements:ingestSettlement",
    "lightning/security:setGlobalPause",
    "lightning/security:setOwnerKillSwitch",
    "lightning/security:rotateCredentialRole",
    "lightning/security:activateCredentialRole",
    "lightning/security:revokeCredentialRole",
)
_BAD_CALLS = int(os.environ.get("KHALA_TEST_BAD_CALLS", "300"))
# Good ones and nearly good ones; `refusing` makes each call as a whole a bad one.
VALUES: dict[str, Any] = {
    "paywallId": ["pw_news", "none", " ", 5, None],
    "ownerId": ["ann", "bob", "", {}, None],
    "configHash": ["cfg_1", None, "x" * 201],
    "status": ["open", "settled", "applied", "other", None],
    "invoiceId": ["i", "none", [], None],
    "settlementId": ["s", "t", True, None],
    "amountMsats": [1000, 0, -1, 1.5, 10**30, "1000", None],
    "paymentHash": [PAYMENT_HASH, "00", None],
    "paymentProofType": ["lightning_preimage", "other", None],
    "paymentProofValue": [PREIMAGE, f" {PREIMAGE} ", "1" * 64, "00", None],
    "eventType": ["applied", None],
    "level": ["info", "fatal"],
    "executionPath": ["test", None],
    "deploymentId": ["none", None],
    "active": [True, 1, "true", None],
    "role": ["gateway_invoice", "root", None],
    "metadata": [{"a": [1, None]}, 0, None],
}
ARGUMENTS = st.fixed_dictionaries(
    {},
    optional={
        name: st.one_of(st.sampled_from(values), st.text(max_size=5), st.integers())
        for name, values in VALUES.items()
    },
)
REFUSED = {401, 404, 409, 422}


def refusing(arguments: dict[str, Any], how: int) -> dict[str, Any]:
    """Arguments that no mutation takes: a value that is certainly wrong in what each requires."""
    wrong: list[Any] = [None, {}, [], "\x00", "\t", "no such value" * 200]
    required = ("configHash", "eventType", "amountMsats", "active", "role", "settlementId")
    return {**arguments, **dict.fromkeys(required, wrong[how % len(wrong)])}


def dumped(database: Database) -> str:
    program = database.server.installation.program("pg_dump")
    schemas = ("--schema=lightning", "--schema=runtime")
    command = [program, "--data-only", "--inserts", *schemas, database.dsn]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    # pg_dump says each time another key for psql.
    lines = [line for line in found.stdout.splitlines() if "restrict" not in line]
    assert any("pw_news" in line for line in lines)
    return "\n".join(lines)


async def test_what_is_refused_leaves_nothing(newest_database: Database) -> None:
    async with control_plane(newest_database, max_lightning_calls_per_minute=10**6) as plane:
        assert (await plane.own("POST", json=PAYWALL)).status_code == 200
        whose = {"paywallId": "pw_news", "ownerId": "ann", "amountMsats": 1000}
        invoice = {"invoiceId": "i", "status": "open", "paymentHash": PAYMENT_HASH}
        ingest = "lightning/settlements:ingestInvoiceLifecycle"
        assert (await plane.mutate(ingest, **whose, **invoice)).status_code == 200
        before = dumped(newest_database)
        calls: list[tuple[str, str, dict[str, Any]]] = []

        @settings(
            max_examples=_BAD_CALLS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(
            st.sampled_from([*FUNCTIONS, "lightning/ops:none"]),
            st.sampled_from(["mutation", "mutation", "query"]),
            ARGUMENTS,
            st.integers(0, 5),
            st.sampled_from([SECRET, SECRET, SECRET, "wrong"]),
        )
        def draw(
            function: str, kind: str, arguments: dict[str, Any], how: int, secret: str
        ) -> None:
            args = {**refusing(arguments, how), "secret": secret}
            calls.append((kind, function, args))

        draw()
        assert len(calls) >= _BAD_CALLS
        for kind, function, args in calls:
            content = json.dumps({"functionName": function, "args": args})
            answer = await plane.client.post(f"{OPERATORS}/{kind}", content=content)
            assert answer.status_code in REFUSED, (function, args, answer.text)
        for body in ({}, {"name": "x"}, {**PAYWALL, "paywallId": "p", "routes": [{}]}, PAYWALL):
            answer = await plane.own("POST", json=body, headers={"Idempotency-Key": "k"})
            assert answer.status_code in REFUSED
        assert dumped(newest_database) == before


PLAUSIBLE: dict[str, list[Any]] = {
    "paywallId": ["pw_news", "pw_bob", "none"],
    "ownerId": ["ann", "bob", "x" * 201],
    "deploymentId": ["d1", "d2", "x" * 200],
    "configHash": ["cfg_1"],
    "status": ["pending", "applied", "failed", "rolled_back", "open", "settled", "canceled"],
    "appliedAtMs": [0, 5, 10**14, 10**17],
    "rolledBackFrom": ["d1", "none"],
    "diagnostics": [[], {}],
    "eventType": ["applied"],
    "level": ["info"],
    "executionPath": ["test"],
    "invoiceId": ["i1", "i2", "i3"],
    "settlementId": ["s1", "s2", "s3"],
    "amountMsats": [1, 1000, 2**53],
    "paymentHash": [PAYMENT_HASH, "A" * 64],
    "paymentProofType": ["lightning_preimage"],
    "paymentProofValue": [PREIMAGE, "1" * 64],
    "active": [True, False],
    "role": ["operator_admin"],
    "fingerprint": ["f", "x" * 200],
    "note": ["n", "x" * 2001],
    "settledAtMs": [7],
    "metadata": [{"a": 1}, 0],
}


async def test_no_call_is_a_fault(newest_database: Database) -> None:
    rng = stream(choose_seed(), "calls")
    done = 0
    async with control_plane(newest_database, max_lightning_calls_per_minute=10**6) as plane:
        assert (await plane.own("POST", json=PAYWALL)).status_code == 200
        other = {**PAYWALL, "paywallId": "pw_bob", "routes": []}
        assert (await plane.own("POST", owner="bob", json=other)).status_code == 200
        for _ in range(1500):
            function = rng.choice(FUNCTIONS)
            chosen = [name for name in PLAUSIBLE if rng.random() < 0.8]
            args = {name: rng.choice(PLAUSIBLE[name]) for name in chosen}
            answer = await plane.mutate(function, **args)
            assert answer.status_code in {200, 409, 422}, (function, args, answer.text)
            done += answer.status_code == 200
    assert done > 100
