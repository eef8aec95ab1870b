"""`make demo-lightning`: the Lightning control plane with `khala dev`, from a paywall to a payment
that is seen live.

Postgres, relay and API are those of `khala dev`, in a directory that is gone afterwards. The
gateway and its wallet are the stand-ins of the tests, because a Lightning node needs a network.
"""

import asyncio
import hashlib
import json
import os
import secrets
import shutil
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from demo import KHALA, ROOT, khala_dev, title

sys.path.insert(0, str(ROOT / "tests"))

from support.gateway.gateway import Gateway
from support.gateway.server import serving, variables

Result = TypeVar("Result")

OWNER = "dev"
TOPIC = "lightning.settlements"
# Each takes a second on an idle machine.
LONGEST_S = 120.0
ROLES = ("GATEWAY_INVOICE", "SETTLEMENT_READ", "OPERATOR_ADMIN")


def main() -> int:
    """Runs the demonstration; 0 when the payment was seen to be settled."""
    # Not mkdtemp's own mode: as root, PostgreSQL runs as an account that must get in.
    home = Path(tempfile.mkdtemp(prefix="khala-demo-"))
    home.chmod(0o755)
    try:
        with khala_dev(home) as ready:
            title(f"Postgres, relay and control plane are up: {ready['http']}")
            return asyncio.run(story(home))
    finally:
        shutil.rmtree(home, ignore_errors=True)


async def story(home: Path) -> int:
    gateway = Gateway()
    async with serving(gateway) as url:
        title(f"a gateway and a wallet to pay it: {url}")
        environment = {
            **{name: value for name, value in os.environ.items() if not is_setting(name)},
            **variables(url, gateway),
            **{f"OA_LIGHTNING_OPS_CRED_{role}": f"demo-credential-{role}" for role in ROLES},
            "KHALA_DEV_FILE": str(home / "dev.json"),
        }
        for_paywalls = ["--org", OWNER, "--topic", "lightning.paywalls"]
        key = await khala(environment, "key", "create", "demo", *for_paywalls, quiet=True)
        environment["OA_LIGHTNING_OPS_OWNER_KEY"] = key.split()[0]
        async with tail(environment) as lines:
            await khala(environment, "lightning", "smoke", "compile")
            await khala(environment, "lightning", "compile")
            await khala(environment, "lightning", "smoke", "security")
            await khala(environment, "lightning", "smoke", "settlement")
            await khala(environment, "lightning", "smoke", "staging")
            await khala(environment, "lightning", "smoke", "observability")
            await khala(environment, "lightning", "reconcile")
            await khala(environment, "lightning", "settlements", "ingest", str(settled(home)))
            said = await khala(environment, "lightning", "smoke", "full-flow", "--json", quiet=True)
            paid = json.loads(said)
            title(f"khala lightning smoke full-flow: {paid['settlementId']} is recorded")
            await within(follow(lines, paid), "the payment was not seen live")
    title("the payment was seen live, and its invoice is settled")
    return 0


async def within(work: Awaitable[Result], otherwise: str) -> Result:
    """The result of work. Ends the demonstration if it takes too long."""
    try:
        async with asyncio.timeout(LONGEST_S):
            return await work
    except TimeoutError:
        raise SystemExit(otherwise) from None


def settled(home: Path) -> Path:
    """A file of a payment as a gateway would export it: its invoice, then its settlement."""
    preimage = secrets.token_bytes(32)
    whose = {"paywallId": "pw_weather", "ownerId": OWNER, "amountMsats": 2000, "invoiceId": "inv_1"}
    payment_hash = hashlib.sha256(preimage).hexdigest()
    proof = {"paymentProofType": "lightning_preimage", "paymentProofValue": preimage.hex()}
    records = [
        {**whose, "status": "open", "paymentHash": payment_hash},
        {**whose, "settlementId": "set_1", **proof},
    ]
    file = home / "settled.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for record in records))
    return file


def is_setting(name: str) -> bool:
    return name.startswith(("KHALA_", "OA_"))


async def khala(environment: Mapping[str, str], *words: str, quiet: bool = False) -> str:
    """Runs a command to its end and returns its output. Ends the demonstration if it fails."""
    if not quiet:
        title("khala " + " ".join(words))
    process = await asyncio.create_subprocess_exec(
        *KHALA, *words, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        out, _ = await within(process.communicate(), f"khala {' '.join(words)} takes too long")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise SystemExit(f"khala {' '.join(words)} failed: {out.decode()}")
    if not quiet:
        print(textwrap.indent(out.decode().strip(), "  "), flush=True)
    return out.decode()


@asynccontextmanager
async def tail(environment: Mapping[str, str]) -> AsyncIterator[asyncio.StreamReader]:
    """The lines of `khala tail` for the settlements."""
    title(f"in the background: khala tail {TOPIC}")
    process = await asyncio.create_subprocess_exec(
        *KHALA,
        "tail",
        TOPIC,
        "--json",
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        process.kill()
        await process.wait()


async def follow(lines: asyncio.StreamReader, paid: Mapping[str, Any]) -> None:
    """Prints each change until the settlement and its settled invoice have come."""
    wanted = {f"settlement/{paid['settlementId']}", f"invoice/{paid['invoiceId']}"}
    while wanted:
        line = await lines.readline()
        if not line:
            raise SystemExit("khala tail ended before the payment was seen")
        update = json.loads(line)
        document = update.get("payload") or {}
        state = document.get("status") or document.get("paymentProofRef", "")
        print(
            f"  watermark {update['watermark']:<4} {update['doc_key'][:50]:50} "
            f"{document.get('amountMsats', 0):6} msat  {state}",
            flush=True,
        )
        if document.get("status") in (None, "settled"):
            wanted.discard(update["doc_key"])


if __name__ == "__main__":
    sys.exit(main())
