"""Keyrings and tokens: what is accepted, what is refused, and that a refusal says what to do."""

import base64
import json
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import jwt
import pytest

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from khala_pg.auth.claims import TokenError
from khala_pg.auth.keys import Key, Keyring, KeyringError
from support.http.tokens import verify_token


def now() -> int:
    """The clock's time. Not a constant: a long session imports this an hour before it runs."""
    return int(time.time())


@pytest.fixture
def ring() -> Keyring:
    return keys.generate()


def sign(ring: Keyring, **changes: Any) -> str:
    """A token with some claims changed; a claim changed to None is left out."""
    claims: dict[str, Any] = {
        "iss": ring.issuer,
        "aud": ring.audience,
        "sub": "someone",
        "iat": now(),
        "nbf": now(),
        "exp": now() + 60,
        "jti": "1",
        "oa_org_id": "org-a",
        "oa_sync_scopes": ["a.topic"],
        "oa_claims_version": 1,
    } | changes
    key = ring.keys[ring.current]
    return jwt.encode(
        {name: value for name, value in claims.items() if value is not None},
        key.secret,
        algorithm="HS256",
        headers={"kid": key.kid},
    )


def test_saved_keyring_loads_the_same_and_only_its_owner_reads_it(
    ring: Keyring, tmp_path: Path
) -> None:
    path = tmp_path / "keyring.json"
    keyring_file.save(ring, path)
    assert keyring_file.load(path) == ring
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["keyring.json"]


def test_signed_token_verifies(ring: Keyring) -> None:
    signed = now()
    token = keys.sign_token(
        ring, org_id="org-a", scopes=["b", "a", "b"], subject="me", ttl_s=60, now=signed
    )
    claims = verify_token(token, ring)
    assert (claims.subject, claims.org_id, claims.scopes) == ("me", "org-a", ("b", "a"))
    assert (claims.issued_at, claims.not_before, claims.expires_at) == (signed, signed, signed + 60)


def test_token_of_a_previous_key_still_verifies(ring: Keyring) -> None:
    token = sign(ring)
    new = Key("new", "HS256", b"n" * 32)
    rotated = Keyring(ring.issuer, ring.audience, "new", {**ring.keys, "new": new})
    assert verify_token(token, rotated).subject == "someone"
    with pytest.raises(TokenError, match="not in the keyring"):
        verify_token(keys.sign_token(rotated, org_id="a", scopes=[]), ring)


def test_leeway_is_thirty_seconds(ring: Keyring) -> None:
    assert verify_token(sign(ring, exp=now() - 20), ring)
    assert verify_token(sign(ring, nbf=now() + 20, iat=now() + 20), ring)
    with pytest.raises(TokenError, match="expired"):
        verify_token(sign(ring, exp=now() - 40), ring)
    with pytest.raises(TokenError, match="not yet valid"):
        verify_token(sign(ring, nbf=now() + 60), ring)


@pytest.mark.parametrize(
    "name",
    [
        "exp",
        "iat",
        "nbf",
        "iss",
        "aud",
        "sub",
        "jti",
        "oa_org_id",
        "oa_sync_scopes",
        "oa_claims_version",
    ],
)
def test_every_claim_is_required(ring: Keyring, name: str) -> None:
    with pytest.raises(TokenError, match=name):
        verify_token(sign(ring, **{name: None}), ring)


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody else"},
        {"aud": "something else"},
        {"sub": ""},
        {"sub": 7},
        {"oa_org_id": ""},
        {"oa_org_id": "a\0b"},
        {"oa_org_id": "\ud800"},
        {"oa_sync_scopes": "a.topic"},
        {"oa_sync_scopes": [1]},
        {"oa_sync_scopes": [""]},
        {"oa_claims_version": 2},
        {"exp": "soon"},
        {"exp": 1e400},
    ],
)
def test_unfit_claims_are_refused(ring: Keyring, changes: dict[str, Any]) -> None:
    with pytest.raises(TokenError):
        verify_token(sign(ring, **changes), ring)


def test_the_token_does_not_choose_its_algorithm(ring: Keyring) -> None:
    key = ring.keys[ring.current]
    body = sign(ring).split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    unsigned = jwt.encode(claims, "", algorithm="none", headers={"kid": key.kid})
    stronger = jwt.encode(claims, key.secret * 2, algorithm="HS512", headers={"kid": key.kid})
    for token in (unsigned, stronger):
        with pytest.raises(TokenError):
            verify_token(token, ring)


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "…", "ÿ" * 10, "." * 1000, "e30.e30.e30"])
def test_nonsense_is_refused_without_being_repeated(ring: Keyring, token: str) -> None:
    with pytest.raises(TokenError) as caught:
        verify_token(token, ring)
    assert len(token) < 3 or token not in str(caught.value)


def test_changed_token_is_refused(ring: Keyring) -> None:
    header, _, signature = sign(ring).split(".")
    _, body, _ = sign(ring, oa_org_id="org-b").split(".")
    with pytest.raises(TokenError):
        verify_token(".".join((header, body, signature)), ring)


SECRET = base64.urlsafe_b64encode(b"s" * 32).decode()
GOOD = {"kid": "k", "alg": "HS256", "secret": SECRET}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "not a JSON object"),
        ({}, "no `issuer`"),
        ({"issuer": "i", "audience": "a", "current": "k"}, "no `keys`"),
        ({"keys": [{"alg": "HS256"}]}, "no `kid`"),
        ({"keys": [{"kid": "k", "alg": "none", "secret": SECRET}]}, "algorithm HS256"),
        ({"keys": [{"kid": "k", "alg": "HS256", "secret": "!"}]}, "base64url"),
        ({"keys": [{"kid": "k", "alg": "HS256", "secret": "c2hvcnQ"}]}, "at least 32"),
        ({"keys": [{"kid": "x", "alg": "HS256", "secret": SECRET}]}, "no key 'k'"),
        ({"keys": [{"kid": "k", "alg": "HS256", "secret": SECRET}] * 2}, "twice"),
        ({"keys": [GOOD], "next": "n"}, "no key 'n'"),
        ({"keys": [GOOD], "next": "k"}, "`next` is `current`"),
        ({"keys": [GOOD], "nxt": "k"}, "nxt, which nobody knows"),
        ({"keys": [GOOD], "audiences": "b"}, "`audiences`"),
        ({"keys": [GOOD], "jwks": [{"url": "https://i/keys"}]}, "no `issuer`"),
        ({"keys": [GOOD], "jwks": [{"issuer": "i"}]}, "one of `url` and `file`"),
        ({"keys": [GOOD], "jwks": [{"issuer": "i", "url": "http://i/keys"}]}, "https://"),
        ({"keys": [GOOD], "jwks": [{"issuer": "i", "file": "f", "miss_s": 0}]}, "miss_s"),
        ({"keys": [GOOD], "jwks": [{"issuer": "i", "file": "f", "ttl": 1}]}, "other fields"),
    ],
)
def test_unfit_keyring_says_what_to_do(tmp_path: Path, document: Any, message: str) -> None:
    if isinstance(document, dict) and "keys" in document:
        document = {"issuer": "i", "audience": "a", "current": "k"} | document
    path = tmp_path / "keyring.json"
    path.write_text(json.dumps(document))
    with pytest.raises(KeyringError, match=message):
        keyring_file.load(path)


def test_missing_and_broken_files_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="khala keyring new"):
        keyring_file.load(tmp_path / "none.json")
    (tmp_path / "broken.json").write_bytes(b"\xff")
    with pytest.raises(KeyringError, match="cannot be read"):
        keyring_file.load(tmp_path / "broken.json")
    for broken in ("[" * 100_000, '{"current":"a","current":"b"}', '{"keys":NaN}'):
        (tmp_path / "broken.json").write_text(broken)
        with pytest.raises(KeyringError, match="not JSON"):
            keyring_file.load(tmp_path / "broken.json")


def test_secrets_do_not_show(ring: Keyring) -> None:
    assert "secret" not in repr(ring)


def test_rotation_goes_by_next_current_previous(ring: Keyring, tmp_path: Path) -> None:
    announced = keys.rotate(ring)
    assert (announced.current, announced.next is not None) == (ring.current, True)
    turned = keys.rotate(announced)
    assert turned.current == announced.next
    assert set(turned.keys) == {ring.current, turned.current, turned.next}
    token = keys.sign_token(turned, org_id="a", scopes=[])
    # Whoever knew the announced keyring knows the key already.
    verified_by = verify_token(token, announced).key
    assert verified_by is not None
    assert verified_by.kid == turned.current
    dropped = keys.rotate(turned)
    assert ring.current not in dropped.keys
    with pytest.raises(TokenError, match="not in the keyring"):
        verify_token(keys.sign_token(ring, org_id="a", scopes=[]), dropped)
    keyring_file.save(dropped, tmp_path / "k.json")
    assert keyring_file.load(tmp_path / "k.json") == dropped


def test_further_issuers_and_audiences_are_accepted(ring: Keyring, tmp_path: Path) -> None:
    wide = replace(ring, issuers=("old",), audiences=("other",))
    assert verify_token(sign(ring, iss="old", aud="other"), wide)
    assert verify_token(sign(ring, aud=["x", ring.audience]), wide)
    with pytest.raises(TokenError):
        verify_token(sign(ring, iss="older"), wide)
    keyring_file.save(wide, tmp_path / "k.json")
    assert keyring_file.load(tmp_path / "k.json") == wide


def test_a_token_has_an_end_and_a_size(ring: Keyring) -> None:
    now = int(time.time())
    with pytest.raises(TokenError, match="32 days"):
        verify_token(sign(ring, exp=now + 33 * 86400), ring)
    with pytest.raises(TokenError, match="longer than"):
        verify_token("a" * 20_000, ring)


def test_a_keyring_of_key_sets_only_cannot_sign(tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_text(
        json.dumps({"audience": "a", "jwks": [{"issuer": "i", "url": "https://i/keys"}]})
    )
    ring = keyring_file.load(path)
    assert ring.jwks[0].url == "https://i/keys"
    with pytest.raises(KeyringError, match="no key to sign"):
        keys.sign_token(ring, org_id="a", scopes=[])


OPENAGENTS = {
    "oa_claims_version": "oa_sync_claims_v1",
    "oa_sync_scopes": "runtime.run_summaries, SYNC_TOPIC_RUNTIME_NOTIFICATIONS,",
    "oa_user_id": 7,
    "nbf": None,
    "sub": None,
}


def existing(ring: Keyring, **changes: Any) -> str:
    """A token as the existing issuers write it; None leaves a claim out."""
    return sign(ring, **{**OPENAGENTS, **changes})


def profiled(ring: Keyring, tmp_path: Path) -> Keyring:
    """The keyring, saved and loaded with keys for tokens of existing issuers."""
    changed = {kid: replace(key, claims="openagents") for kid, key in ring.keys.items()}
    keyring_file.save(replace(ring, keys=changed), tmp_path / "ring.json")
    return keyring_file.load(tmp_path / "ring.json")


def test_tokens_of_existing_issuers_where_the_keyring_says_so(
    ring: Keyring, tmp_path: Path
) -> None:
    with pytest.raises(TokenError):
        verify_token(existing(ring), ring)
    lenient = profiled(ring, tmp_path)
    claims = verify_token(existing(ring), lenient)
    assert claims.scopes == ("runtime.run_summaries", "SYNC_TOPIC_RUNTIME_NOTIFICATIONS")
    assert (claims.subject, claims.not_before) == ("7", claims.issued_at)
    assert verify_token(existing(ring, sub="ann", oa_user_id="x"), lenient).subject == "ann"
    assert verify_token(existing(ring, oa_sync_scopes=["a"]), lenient).scopes == ("a",)
    # Tokens of this issuer's own form stay good.
    assert verify_token(sign(ring), lenient).subject == "someone"


@pytest.mark.parametrize(
    "changes",
    [
        {"oa_claims_version": "oa_sync_claims_v2"},
        {"oa_claims_version": None},
        {"oa_sync_scopes": 7},
        {"oa_sync_scopes": "a,\0"},
        {"oa_sync_scopes": "a.topic/customer/4,2/"},
        {"oa_sync_scopes": "b.topic, a.topic/customer/ "},
        {"oa_user_id": None},
        {"oa_user_id": True},
        {"oa_user_id": ""},
        {"oa_org_id": None},
        {"jti": None},
        {"iat": None},
        {"exp": 1},
        {"nbf": 2**40},
        {"aud": "other"},
        {"iss": "other"},
    ],
)
def test_what_existing_issuers_write_is_no_way_around_the_rest(
    ring: Keyring, tmp_path: Path, changes: dict[str, Any]
) -> None:
    with pytest.raises(TokenError):
        verify_token(existing(ring, **changes), profiled(ring, tmp_path))


def test_a_profile_that_is_none_is_refused(ring: Keyring, tmp_path: Path) -> None:
    path = tmp_path / "ring.json"
    keyring_file.save(ring, path)
    document = json.loads(path.read_text())
    document["keys"][0]["claims"] = "lenient"
    path.write_text(json.dumps(document))
    with pytest.raises(KeyringError, match="khala, openagents"):
        keyring_file.load(path)
    sets = {"audience": "a", "jwks": [{"issuer": "i", "file": "x", "claims": "lenient"}]}
    path.write_text(json.dumps(sets))
    with pytest.raises(KeyringError, match="khala, openagents"):
        keyring_file.load(path)
