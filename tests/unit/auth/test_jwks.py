"""Key sets of other issuers: what is taken from one, and when it is read again."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from khala_pg.auth import jwks, keyring_file
from khala_pg.auth import keyring as keys
from khala_pg.auth.authority import Authority
from khala_pg.auth.claims import TokenError
from khala_pg.auth.jwks import JwksError, JwksSettings, KeySet
from khala_pg.auth.keys import Key, Keyring
from support.trials.waiting import until

ISSUER = "https://issuer.example"
MAKERS: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}


@dataclass
class Issuer:
    """Private keys by kid, each with its algorithm."""

    keys: dict[str, tuple[str, Any]] = field(default_factory=dict)

    def add(self, kid: str, alg: str) -> None:
        self.keys[kid] = (alg, MAKERS[alg]())

    def document(self) -> dict[str, Any]:
        return {"keys": [public(kid, alg, key) for kid, (alg, key) in self.keys.items()]}

    def token(self, kid: str, **changes: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "khala-sync",
            "sub": "someone",
            "iat": now,
            "nbf": now,
            "exp": now + 60,
            "jti": "1",
            "oa_org_id": "org-a",
            "oa_sync_scopes": ["a.topic"],
            "oa_claims_version": 1,
        } | changes
        alg, key = self.keys[kid]
        return jwt.encode(claims, key, algorithm=alg, headers={"kid": kid})


def public(kid: str, alg: str, key: Any) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(alg).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig"}


@dataclass
class Web:
    """A server on a socket that answers every request with `body`, counting them."""

    body: bytes = b""
    status: str = "200 OK"
    requests: int = 0
    url: str = ""


@asynccontextmanager
async def web() -> AsyncIterator[Web]:
    made = Web()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A reader that has had enough hangs up, before its request or after the answer.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            made.requests += 1
            head = f"HTTP/1.1 {made.status}\r\nContent-Length: {len(made.body)}\r\n"
            writer.write(f"{head}Connection: close\r\n\r\n".encode() + made.body)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    handlers: list[asyncio.Task[None]] = []

    def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.append(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    async with server:
        made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys"
        yield made
        await asyncio.gather(*handlers)


def with_sets(*sets: JwksSettings) -> Keyring:
    ring = keys.generate()
    return Keyring(ring.issuer, ring.audience, ring.current, ring.keys, jwks=sets)


@pytest.mark.parametrize("alg", MAKERS)
async def test_each_algorithm_from_a_file(tmp_path: Path, alg: str) -> None:
    issuer = Issuer()
    issuer.add("k", alg)
    (tmp_path / "jwks.json").write_text(json.dumps(issuer.document()))
    authority = Authority(with_sets(JwksSettings(ISSUER, file=str(tmp_path / "jwks.json"))))
    claims = await authority.verify(issuer.token("k"))
    assert claims.key is not None
    assert (claims.org_id, claims.key.kid, claims.key.alg) == ("org-a", "k", alg)
    assert authority.why_over(claims, time.time()) is None


async def test_a_key_set_for_tokens_of_existing_issuers(tmp_path: Path) -> None:
    issuer = Issuer()
    issuer.add("k", "ES256")
    (tmp_path / "jwks.json").write_text(json.dumps(issuer.document()))
    token = issuer.token("k", oa_claims_version="oa_sync_claims_v1", oa_sync_scopes="a,b")
    for profile, good in (("khala", False), ("openagents", True)):
        settings = JwksSettings(ISSUER, file=str(tmp_path / "jwks.json"), claims=profile)
        authority = Authority(with_sets(settings))
        if good:
            assert (await authority.verify(token)).scopes == ("a", "b")
        else:
            with pytest.raises(TokenError):
                await authority.verify(token)


async def test_a_key_set_speaks_for_its_issuer_only(tmp_path: Path) -> None:
    issuer = Issuer()
    issuer.add("k", "ES256")
    (tmp_path / "jwks.json").write_text(json.dumps(issuer.document()))
    ring = with_sets(JwksSettings(ISSUER, file=str(tmp_path / "jwks.json")))
    with pytest.raises(TokenError, match="issuer"):
        await Authority(ring).verify(issuer.token("k", iss=ring.issuer))


async def test_two_issuers_may_name_their_keys_alike(tmp_path: Path) -> None:
    """Neither shuts the other out, nor keeps its withdrawn keys alive."""
    names = (ISSUER, "https://other.example")
    issuers = {name: Issuer() for name in names}
    files = {name: tmp_path / f"{number}.json" for number, name in enumerate(names)}
    for name, issuer in issuers.items():
        issuer.add("k", "ES256")
        files[name].write_text(json.dumps(issuer.document()))
    ring = with_sets(*(JwksSettings(name, file=str(files[name])) for name in names))
    authority = Authority(ring)
    running = asyncio.create_task(authority.run())
    try:
        held = {}
        for name, issuer in issuers.items():
            token = issuer.token("k", iss=name)

            async def is_taken(token: str = token) -> bool:
                try:
                    await authority.verify(token)
                except TokenError:
                    return False
                return True

            await until(is_taken, "both sets are read")
            held[name] = await authority.verify(token)
        for one, other in (names, names[::-1]):
            with pytest.raises(TokenError):
                await authority.verify(issuers[one].token("k", iss=other))
        issuers[ISSUER].keys.clear()
        issuers[ISSUER].add("new", "ES256")
        files[ISSUER].write_text(json.dumps(issuers[ISSUER].document()))
        [first, _] = authority._sets.values()
        await first.refresh()
        assert "withdrawn" in (authority.why_over(held[ISSUER], time.time()) or "")
        assert authority.why_over(held[names[1]], time.time()) is None
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_secret_replaced_under_its_old_name_is_withdrawn() -> None:
    ring = keys.generate()
    other = Key(ring.current, "HS256", b"another secret of thirty-two bytes")
    rings = [Keyring(ring.issuer, ring.audience, ring.current, {ring.current: other})]
    authority = Authority(ring, rings.pop)
    claims = await authority.verify(keys.sign_token(ring, org_id="a", scopes=[]))
    assert authority.why_over(claims, time.time()) is None
    assert authority.reload()
    assert "withdrawn" in (authority.why_over(claims, time.time()) or "")


async def test_a_public_key_is_no_shared_secret(tmp_path: Path) -> None:
    issuer = Issuer()
    issuer.add("k", "RS256")
    document = issuer.document()
    (tmp_path / "jwks.json").write_text(json.dumps(document))
    authority = Authority(with_sets(JwksSettings(ISSUER, file=str(tmp_path / "jwks.json"))))
    claims = jwt.decode(issuer.token("k"), options={"verify_signature": False})
    forged = jwt.encode(claims, document["keys"][0]["n"], algorithm="HS256", headers={"kid": "k"})
    with pytest.raises(TokenError):
        await authority.verify(forged)


async def test_a_new_key_is_fetched_once_however_many_ask() -> None:
    issuer = Issuer()
    issuer.add("k1", "EdDSA")
    async with web() as there:
        there.body = json.dumps(issuer.document()).encode()
        authority = Authority(with_sets(JwksSettings(ISSUER, url=there.url, min_refresh_s=0.001)))
        await asyncio.gather(*(authority.verify(issuer.token("k1")) for _ in range(20)))
        assert there.requests == 1
        issuer.add("k2", "EdDSA")
        there.body = json.dumps(issuer.document()).encode()
        await asyncio.gather(*(authority.verify(issuer.token("k2")) for _ in range(20)))
        assert there.requests == 2


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_unknown_keys_do_not_make_it_read_again_and_again() -> None:
    issuer = Issuer()
    issuer.add("k", "EdDSA")
    clock = Clock()
    async with web() as there:
        there.body = json.dumps(issuer.document()).encode()
        keyset = KeySet(JwksSettings(ISSUER, url=there.url), clock)
        for number in range(200):
            assert await keyset.find(f"unknown{number}") is None
        assert there.requests == 1
        clock.now += 11
        assert await keyset.find("unknown0") is None
        assert there.requests == 1, "remembered as unknown"
        assert await keyset.find("unknown9") is None
        assert there.requests == 2
        clock.now += 61
        assert await keyset.find("unknown0") is None
        assert there.requests == 3


@pytest.mark.parametrize("status", ["500 No", "302 Found", "404 No"])
async def test_a_set_that_cannot_be_read_leaves_the_keys_for_a_while(status: str) -> None:
    issuer = Issuer()
    issuer.add("k", "EdDSA")
    clock = Clock()
    async with web() as there:
        there.body = json.dumps(issuer.document()).encode()
        keyset = KeySet(JwksSettings(ISSUER, url=there.url, max_stale_s=100), clock)
        assert await keyset.find("k")
        there.status = status
        clock.now = 90
        await keyset.refresh()
        assert keyset.get("k")
        clock.now = 101
        assert await keyset.find("k") is None


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"keys":[]}', b'{"keys":[],"keys":[]}', b"[" * 100_000, b" " * 300_000]
)
async def test_nonsense_changes_nothing(body: bytes) -> None:
    issuer = Issuer()
    issuer.add("k", "EdDSA")
    async with web() as there:
        there.body = json.dumps(issuer.document()).encode()
        keyset = KeySet(JwksSettings(ISSUER, url=there.url))
        await keyset.refresh()
        there.body = body
        await keyset.refresh()
        assert there.requests == 2
        assert keyset.get("k")


def test_what_is_not_of_use_is_left_out() -> None:
    issuer = Issuer()
    for alg in MAKERS:
        issuer.add(alg, alg)
    weak = public("weak", "RS256", rsa.generate_private_key(65537, 1024))
    private = jwt.get_algorithm_by_name("EdDSA").to_jwk(issuer.keys["EdDSA"][1], as_dict=True)
    document = issuer.document()
    unusable = [
        weak,
        {**private, "kid": "private"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "shared", "alg": "HS256"},
        {**document["keys"][0], "kid": "encrypts", "use": "enc"},
        {**document["keys"][0], "kid": "confused", "alg": "ES256"},
        {**document["keys"][0], "kid": "none", "alg": "none"},
        {"kty": "EC", "crv": "P-256", "x": "!", "y": 7, "kid": "broken"},
        {"kty": "RSA"},
        7,
    ]
    assert set(jwks.parse({"keys": [*document["keys"], *unusable]}, ISSUER)) == set(MAKERS)
    with pytest.raises(JwksError, match="no key of use"):
        jwks.parse({"keys": unusable}, ISSUER)
    with pytest.raises(JwksError, match="twice"):
        jwks.parse({"keys": document["keys"] * 2}, ISSUER)


async def test_reloading_keeps_what_was_read_and_refuses_what_is_unfit(tmp_path: Path) -> None:
    issuer = Issuer()
    issuer.add("k", "ES256")
    (tmp_path / "jwks.json").write_text(json.dumps(issuer.document()))
    settings = JwksSettings(ISSUER, file=str(tmp_path / "jwks.json"))
    path = tmp_path / "keyring.json"
    first = with_sets(settings)
    keyring_file.save(first, path)
    authority = Authority(keyring_file.load(path), lambda: keyring_file.load(path))
    theirs = await authority.verify(issuer.token("k"))
    ours = await authority.verify(keys.sign_token(first, org_id="a", scopes=[]))
    path.write_text("{}")
    assert not authority.reload()
    assert authority.why_over(ours, time.time()) is None
    keyring_file.save(with_sets(settings), path)
    assert authority.reload()
    assert authority.why_over(theirs, time.time()) is None
    assert "withdrawn" in (authority.why_over(ours, time.time()) or "")


async def test_sets_are_read_in_the_background_and_again_after_a_reload(tmp_path: Path) -> None:
    issuer = Issuer()
    issuer.add("k", "ES256")
    async with web() as there:
        there.body = json.dumps(issuer.document()).encode()
        ring = [keys.generate()]
        authority = Authority(ring[0], lambda: ring[0])
        running = asyncio.create_task(authority.run())
        ring[0] = with_sets(JwksSettings(ISSUER, url=there.url, refresh_s=0.01))
        assert authority.reload()
        await until(lambda: there.requests >= 3, "the set is read again and again")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await authority.verify(issuer.token("k"))
