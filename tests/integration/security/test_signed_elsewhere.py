"""A relay takes the tokens that a backend signs with khala_pg.tokens or khala-client/tokens, with
each kind of key, and refuses what is wrong about them."""

import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from khala_pg import sink, tokens
from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.auth.jwks import JwksSettings
from support.postgres.databases import Database
from support.programs.missing import CLIENT, bundle, require_node
from support.relay.relays import NOTES, RUNS, ready_relay, running_relay

ROOT = Path(__file__).resolve().parents[3]
SIGNER = ROOT / "tests/support/programs/sign_tokens.ts"
ISSUER = "https://shop.example"
DAY_S = 86400

PEMS = {
    kid: key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for kid, key in (
        ("rsa", rsa.generate_private_key(65537, 2048)),
        ("ec", ec.generate_private_key(ec.SECP256R1())),
        ("ed", ed25519.Ed25519PrivateKey.generate()),
    )
}
STRANGER = (
    ed25519.Ed25519PrivateKey.generate()
    .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    .decode()
)


@dataclass(frozen=True)
class Wanted:
    """A token: the kid of its key (None: the keyring's), whose kid, PEM, issuer and audience."""

    kid: str | None
    pem: str = ""
    issuer: str = ISSUER
    audience: str = "khala-sync"
    ttl_s: int = 900
    now: float | None = None
    scopes: tuple[str, ...] = (NOTES,)


GOOD = [Wanted(None), *(Wanted(kid, pem) for kid, pem in PEMS.items())]
BAD = [
    replace(GOOD[3], pem=STRANGER),
    replace(GOOD[3], kid="unknown"),
    replace(GOOD[2], issuer="https://other.example"),
    replace(GOOD[1], audience="other"),
    replace(GOOD[3], ttl_s=60, now=1_700_000_000),
    replace(GOOD[0], ttl_s=60, now=1_700_000_000),
]

Signed = tuple[dict[str, Any], list[str]]
"""The set of the private keys, and the token of each that is wanted."""


def by_python(keyring: Path, wanted: Sequence[Wanted]) -> Signed:
    signed_with = [
        tokens.load(keyring)
        if each.kid is None
        else tokens.private_key(each.kid, each.pem, issuer=each.issuer, audience=each.audience)
        for each in wanted
    ]
    return tokens.jwks(*(key for key in signed_with if key.alg != "HS256")), [
        tokens.sign(
            key,
            org_id="acme",
            scopes=each.scopes,
            subject="ann",
            ttl_s=each.ttl_s,
            now=each.now,
        )
        for key, each in zip(signed_with, wanted, strict=True)
    ]


def by_node(keyring: Path, wanted: Sequence[Wanted]) -> Signed:
    node, made = require_node(), keyring.with_name("sign_tokens.mjs")
    alias = f"--alias:khala-client/tokens={CLIENT / 'src/tokens/tokens.ts'}"
    bundle(SIGNER, made, alias, "--platform=node")
    asked = [
        {
            "key": None
            if each.kid is None
            else {
                "kid": each.kid,
                "pem": each.pem,
                "issuer": each.issuer,
                "audience": each.audience,
            },
            "options": {
                "orgId": "acme",
                "scopes": each.scopes,
                "subject": "ann",
                "ttlSeconds": each.ttl_s,
                **({} if each.now is None else {"now": each.now}),
            },
        }
        for each in wanted
    ]
    done = subprocess.run(
        [node, made],
        input=json.dumps({"keyring": keyring.read_text(), "tokens": asked}),
        capture_output=True,
        text=True,
        check=True,
    )
    found = json.loads(done.stdout)
    return found["jwks"], found["tokens"]


@pytest.mark.parametrize("sign", [by_python, by_node])
async def test_a_relay_takes_them(
    newest_database: Database, tmp_path: Path, sign: Callable[[Path, Sequence[Wanted]], Signed]
) -> None:
    ring, file = keys.generate(), tmp_path / "keyring.json"
    keyring_file.save(ring, file)
    key_set, good = sign(file, GOOD)
    assert [entry["alg"] for entry in key_set["keys"]] == ["RS256", "ES256", "EdDSA"]
    (tmp_path / "jwks.json").write_text(json.dumps(key_set))
    # Python refuses to sign the last one at all.
    too_long = [replace(GOOD[1], ttl_s=33 * DAY_S)] if sign is by_node else []
    _, bad = sign(file, [*BAD, *too_long])

    mine = [replace(each, scopes=(f"{NOTES}/mine/", f"{NOTES}/ours/")) for each in GOOD]
    _, narrow = sign(file, mine)
    with newest_database.connect("runtime") as connection:
        for doc_key in ("mine/1", "theirs/1", "ours/1", "mine", "theirs/2"):
            sink(connection, NOTES, doc_key, {}, org_id="acme")

    settings = JwksSettings(ISSUER, file=str(tmp_path / "jwks.json"))
    async with running_relay(newest_database, replace(ring, jwks=(settings,))) as running:
        await ready_relay(running)
        for token in good:
            async with running.joined(token) as peer:
                await peer.subscribe(NOTES)
                forbidden = await peer.ask_in_vain("sync:subscribe", {"topics": [RUNS]})
                assert forbidden["code"] == "forbidden_topic"
        for token in narrow:
            async with running.joined(token) as peer:
                await peer.subscribe(NOTES)
                updates, _ = await peer.updates_until(5)
                assert [each["doc_key"] for each in updates] == ["mine/1", "ours/1"]
        for token in bad:
            with pytest.raises(InvalidStatus, match="HTTP 403"):
                async with connect(running.url(token)):
                    pass
