"""`khala tail` of Lightning topics with what `khala dev` gives it: nothing to be named."""

import json
import os
import subprocess
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from support.postgres.servers import Servers
from support.programs.dev_process import PATIENCE_S, Dev, khala, running
from support.programs.terminals import terminal

PREIMAGE = "0f" * 32
PAYWALL = {"paywallId": "pw_tail", "name": "Tail", "policy": {"fixedAmountMsats": 1500}}
OWNED = {"paywallId": "pw_tail", "ownerId": "dev", "amountMsats": 1_500, "invoiceId": "inv-1"}


@pytest.fixture
def data_dir(servers: Servers) -> Path:
    return servers.new_home("dev") / "data"


def mutate(dev: Dev, function: str, **args: Any) -> None:
    call = {"secret": dev.ready["lightning_ops_secret"], **OWNED, **args}
    answer = httpx.post(
        f"{dev.ready['http']}/api/internal/lightning-ops/control-plane/mutation",
        json={"functionName": f"lightning/settlements:{function}", "args": call},
        timeout=PATIENCE_S,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text


def test_settlements_are_readable_as_a_table_and_as_lines(data_dir: Path) -> None:
    with running(data_dir) as dev:
        environment = {
            **{name: value for name, value in os.environ.items() if name[:6] != "KHALA_"},
            "KHALA_DEV_FILE": str(data_dir / "dev.json"),
            "TERM": "xterm-256color",
        }
        with psycopg.connect(dev.ready["database"], autocommit=True) as connection:
            connection.execute(
                "SELECT lightning.create_paywall('dev', %s::jsonb)", (json.dumps(PAYWALL),)
            )
        with terminal(khala("tail", "lightning.settlements"), environment) as screen:
            screen.read_until(b"live", PATIENCE_S)
            mutate(
                dev,
                "ingestInvoiceLifecycle",
                status="open",
                paymentHash=sha256(bytes.fromhex(PREIMAGE)).hexdigest(),
            )
            screen.read_until(b"1.5 sat for pw_tail inv-1", PATIENCE_S)
            screen.read_until(b"invoice/inv-1", PATIENCE_S)
            mutate(
                dev,
                "ingestSettlement",
                settlementId="set-1",
                paymentProofType="lightning_preimage",
                paymentProofValue=PREIMAGE,
            )
            screen.read_until(b"settlement/set-1", PATIENCE_S)
            screen.type(b"q")
            assert screen.process.wait(PATIENCE_S) == 0
        with subprocess.Popen(
            khala("tail", "lightning.settlements", "--from-snapshot"),
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as piped:
            try:
                assert piped.stdout is not None
                found = [json.loads(piped.stdout.readline()) for _ in range(2)]
            finally:
                piped.kill()
        assert [line["doc_key"] for line in found] == ["invoice/inv-1", "settlement/set-1"]
        assert found[0]["payload"]["status"] == "settled"
        assert found[1]["payload"]["amountMsats"] == 1_500
        assert PREIMAGE not in json.dumps(found)
