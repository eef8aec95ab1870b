"""Tokens of one's own backend: vectors that the TypeScript package shares, keys, refusals."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from khala_pg import tokens
from khala_pg.auth import jwks, keyring_file
from khala_pg.auth import keyring as keys
from khala_pg.auth.claims import TokenError, verify
from khala_pg.auth.keys import Key, Keyring, KeyringError

VECTORS = json.loads(
    (Path(__file__).parents[1] / "fixtures/token_vectors.v1.json").read_text("utf-8")
)
USUAL: dict[str, Any] = {"org_id": "acme", "scopes": ["shop.orders"], "subject": "ann"}
PRIVATE_KEYS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> bytes:
    return bytes(key.private_bytes(Encoding.PEM, form, NoEncryption()))


@pytest.mark.parametrize("vector", VECTORS["tokens"], ids=lambda vector: vector["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    told = VECTORS["key"]
    secret = base64.urlsafe_b64decode(told["secret"] + "=")
    ring = Keyring(
        told["issuer"],
        told["audience"],
        told["kid"],
        {told["kid"]: Key(told["kid"], "HS256", secret)},
    )
    token = tokens.sign(tokens.current(ring), **vector["input"])
    assert token == vector.get("token", token)
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "kid": told["kid"], "typ": "JWT"}
    assert jwt.decode(token, options={"verify_signature": False}) == vector["claims"]


@pytest.mark.parametrize("alg", PRIVATE_KEYS)
def test_a_private_key_and_its_set(alg: str) -> None:
    key = tokens.private_key("k1", pem(PRIVATE_KEYS[alg]), issuer="https://shop.example")
    assert (key.alg, key.audience) == (alg, "khala-sync")
    published = json.loads(json.dumps(tokens.jwks(key)))
    [entry] = published["keys"]
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(entry)
    # As a relay reads it.
    known = jwks.parse(published, "https://shop.example")["k1"]
    claims = verify(tokens.sign(key, **USUAL), known, ["khala-sync"])
    assert (claims.subject, claims.org_id, claims.scopes) == ("ann", "acme", ("shop.orders",))
    assert claims.expires_at - claims.issued_at == tokens.TTL_S
    other = tokens.private_key("k1", pem(PRIVATE_KEYS[alg]), issuer="https://other.example")
    with pytest.raises(TokenError, match="issuer"):
        verify(tokens.sign(other, **USUAL), known, ["khala-sync"])


def test_other_forms_of_a_key() -> None:
    old = pem(PRIVATE_KEYS["ES256"], PrivateFormat.TraditionalOpenSSL).decode()
    assert old.startswith("-----BEGIN EC PRIVATE KEY")
    assert tokens.private_key("k", old, issuer="i").alg == "ES256"
    locked = PRIVATE_KEYS["RS256"].private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word")
    )
    assert tokens.private_key("k", locked, issuer="i", password=b"word").alg == "RS256"
    with pytest.raises(KeyringError, match="cannot be read"):
        tokens.private_key("k", locked, issuer="i")


@pytest.mark.parametrize(
    "unfit",
    [
        pem(rsa.generate_private_key(65537, 1024)),
        pem(ec.generate_private_key(ec.SECP384R1())),
        b"no key",
    ],
)
def test_a_key_that_no_relay_would_take(unfit: bytes) -> None:
    with pytest.raises(KeyringError, match="the key 'k'"):
        tokens.private_key("k", unfit, issuer="i")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"org_id": ""}, "oa_org_id is empty"),
        ({"subject": ""}, "sub is empty"),
        ({"scopes": [""]}, "oa_sync_scopes is not a list"),
        ({"ttl_s": 33 * 86400}, "more than 32 days"),
        ({"scopes": [f"topic.number_{n}" for n in range(2000)]}, "longer than 16384 bytes"),
    ],
)
def test_a_token_that_every_relay_would_refuse(changed: dict[str, Any], said: str) -> None:
    with pytest.raises(TokenError, match=said):
        tokens.sign(tokens.current(keys.generate()), **{**USUAL, **changed})


def test_a_keyring_file(tmp_path: Path) -> None:
    ring = keys.generate()
    keyring_file.save(ring, tmp_path / "keyring.json")
    key = tokens.load(tmp_path / "keyring.json")
    assert key == tokens.current(ring)
    assert key.material not in repr(key).encode()
    with pytest.raises(KeyringError, match="is a secret"):
        tokens.jwks(key)
    with pytest.raises(KeyringError, match="has no key to sign with"):
        tokens.current(Keyring("", "khala-sync", "", {}))


def test_the_programs_of_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).parents[2] / "docs/reference/tokens.md").read_text("utf-8")
    programs = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    ring = keys.generate()
    keyring_file.save(ring, tmp_path / "keyring.json")
    (tmp_path / "signing.pem").write_bytes(pem(PRIVATE_KEYS["EdDSA"]))
    made: list[str] = []
    for program in programs:
        names: dict[str, Any] = {}
        exec(program, names)
        made.append(names["token"])
    key = ring.verification_key(ring.current)
    assert key is not None
    assert verify(made[0], key, [ring.audience]).scopes == ("shop.orders",)
    published = json.loads((tmp_path / "jwks.json").read_text("utf-8"))
    known = jwks.parse(published, "https://shop.example")["2026"]
    assert verify(made[1], known, ["khala-sync"]).subject == "ann"


def test_one_topic_as_a_string_is_not_taken_for_its_letters() -> None:
    key = tokens.current(keys.generate())
    with pytest.raises(TypeError, match="scopes is the string"):
        tokens.sign(key, **{**USUAL, "scopes": "shop.orders"})
