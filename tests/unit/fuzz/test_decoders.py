"""Whatever comes in from outside is read or refused, and nothing else happens.

corpus.json holds inputs that once were of interest; each is tried in every run.
"""

import io
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from khala_pg import strict_json
from khala_pg.auth import claims as tokens
from khala_pg.auth import jwks
from khala_pg.auth import keyring as keys
from khala_pg.auth.claims import Claims, TokenError
from khala_pg.auth.jwks import JwksError
from khala_pg.relay.opening import handshake
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire import frames
from khala_pg.relay.wire.channel import Channel
from khala_pg.relay.wire.frames import FrameError
from khala_pg.runtime.ingest import LineError, _batches
from support.http.tokens import verify_token
from support.trials.fuzzing import fuzz

CORPUS: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("corpus.json").read_text(encoding="utf-8")
)
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
RING = keys.generate()

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)
EVENTS = st.sampled_from(
    ["phx_join", "phx_leave", "heartbeat", "sync:subscribe", "sync:unsubscribe", "sync:refresh"]
)
REFERENCES = st.none() | st.sampled_from(["1", "2"]) | st.text(max_size=5)
PAYLOADS = st.fixed_dictionaries(
    {},
    optional={
        "topics": st.lists(st.sampled_from(["a", "b"]) | st.text(max_size=5), max_size=4) | JSON,
        "resume_after": JSON,
        "epoch": JSON,
        "replay_batch_size": JSON,
        "compact": JSON,
        "request_id": JSON,
        "token": JSON,
    },
)
MESSAGES = st.tuples(
    REFERENCES, REFERENCES, st.sampled_from(["sync:v1", "phoenix", "x"]), EVENTS, PAYLOADS | JSON
).map(json.dumps)


def mutated(texts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """A text with some of it cut out and something else put in."""
    return st.tuples(texts, st.integers(0, 300), st.integers(0, 20), st.text(max_size=6)).map(
        lambda given: given[0][: given[1]] + given[3] + given[0][given[1] + given[2] :]
    )


def frame_is_read_or_refused(text: str) -> None:
    try:
        frame = frames.decode(text)
    except FrameError as error:
        # What is told back must itself travel.
        json.loads(strict_json.dumps(str(error)))
        return
    again = frames.encode(frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload)
    assert frames.decode(again) == frame
    again.encode()


def channel() -> Channel:
    limits = RelaySettings("", max_bad_frames=10**9, max_message_burst=10**9)
    claims = Claims("s", "o", ("a", "b"), 0, 0, 2**31, "j")
    return Channel(
        claims,
        limits,
        epoch=lambda: "epoch",
        max_payload_bytes=lambda: 2**24,
        covered=lambda: [("a", 2**60)],
    )


def channel_answers(texts: list[str]) -> None:
    one = channel()
    for text in texts:
        for action in one.receive(text):
            sent = getattr(action, "text", None)
            if sent is not None:
                assert len(json.loads(sent)) == 5
                sent.encode()


@pytest.mark.parametrize("text", CORPUS["frames"])
def test_frames_of_the_corpus(text: str) -> None:
    frame_is_read_or_refused(text)
    channel_answers([text])


def test_frames() -> None:
    @QUICK
    @given(st.text() | JSON.map(json.dumps) | MESSAGES | mutated(MESSAGES))
    def run(text: str) -> None:
        frame_is_read_or_refused(text)

    fuzz(run)


def test_conversations() -> None:
    @QUICK
    @given(st.lists(MESSAGES | mutated(MESSAGES), max_size=12))
    def run(texts: list[str]) -> None:
        channel_answers(texts)

    fuzz(run)


def token_is_read_or_refused(token: str) -> None:
    with pytest.raises(TokenError) as caught:
        verify_token(token, RING)
    # A token is not repeated to whoever sent it, nor to a log.
    assert len(token) < 8 or token not in str(caught.value)


@pytest.mark.parametrize("token", CORPUS["tokens"])
def test_tokens_of_the_corpus(token: str) -> None:
    token_is_read_or_refused(token)


def test_tokens() -> None:
    good = keys.sign_token(RING, org_id="o", scopes=["a"])
    segment = st.binary(max_size=60).map(jwt.utils.base64url_encode).map(bytes.decode)
    header = JSON.map(json.dumps).map(str.encode).map(jwt.utils.base64url_encode).map(bytes.decode)

    @QUICK
    @given(
        st.text()
        | st.tuples(header | segment, header | segment, segment).map(".".join)
        | mutated(st.just(good)).filter(lambda token: token != good)
    )
    def run(token: str) -> None:
        # The last character of a base64 text may have bits that mean nothing.
        if token[:-1] != good[:-1]:
            token_is_read_or_refused(token)

    fuzz(run)


def test_claims_of_a_good_signature() -> None:
    key = RING.verification_key(RING.current)
    assert key is not None
    sound = jwt.decode(
        keys.sign_token(RING, org_id="o", scopes=["a"]), options={"verify_signature": False}
    )

    @QUICK
    @given(st.dictionaries(st.sampled_from(sorted(sound)), JSON, max_size=4))
    def run(changes: dict[str, Any]) -> None:
        try:
            token = jwt.encode(
                {**sound, **changes}, key.material, algorithm="HS256", headers={"kid": key.kid}
            )
        except (TypeError, ValueError, OverflowError):
            return
        try:
            claims = tokens.verify(token, key, RING.accepted_audiences)
        except TokenError:
            return
        for name in (claims.subject, claims.org_id, claims.token_id, *claims.scopes):
            assert "\0" not in name
            assert name.encode()
        assert claims.expires_at - claims.issued_at <= tokens.MAX_LIFETIME_S

    fuzz(run)


def test_key_sets() -> None:
    entry = st.fixed_dictionaries(
        {"kid": st.text(min_size=1) | JSON, "kty": st.sampled_from(["RSA", "EC", "OKP", "oct"])},
        optional={
            "crv": st.sampled_from(["P-256", "Ed25519", "P-521"]) | JSON,
            "alg": st.sampled_from(["RS256", "ES256", "EdDSA", "none", "HS256"]) | JSON,
            "use": st.sampled_from(["sig", "enc"]) | JSON,
            **{name: st.text("AQab-_", max_size=60) | JSON for name in ("n", "e", "x", "y", "d")},
        },
    )

    @QUICK
    @given(JSON | st.lists(entry | JSON, max_size=4).map(lambda found: {"keys": found}))
    def run(document: Any) -> None:
        try:
            found = jwks.parse(document, "issuer")
        except JwksError:
            return
        assert all(key.alg in jwks.ALGORITHMS for key in found.values())

    fuzz(run)


def test_opening_requests() -> None:
    @QUICK
    @given(st.text() | st.text().map(lambda t: f"/socket/websocket?vsn=2.0.0&{t}"), st.text())
    def run(target: str, offered: str) -> None:
        handshake.read(target, handshake.split_subprotocols([offered]))
        bearing = f"phoenix, base64url.bearer.phx.{offered}"
        handshake.read("/socket/websocket", handshake.split_subprotocols([bearing]))

    fuzz(run)


def lines_are_read_or_refused(content: bytes) -> None:
    try:
        for batch, position, error in _batches(io.BytesIO(content), "o"):
            assert position <= len(content)
            for line in batch:
                assert isinstance(json.loads(line.text), dict)
                line.text.encode()
            if error is not None:
                raise error
    except LineError:
        return


@pytest.mark.parametrize("content", CORPUS["lines"])
def test_lines_of_the_corpus(content: str) -> None:
    lines_are_read_or_refused(content.encode())


def test_lines() -> None:
    event = st.fixed_dictionaries(
        {"entity": JSON, "id": JSON, "seq": JSON, "type": JSON}, optional={"payload": JSON}
    ).map(json.dumps)
    many = st.lists(event | mutated(event) | st.text(), max_size=6).map("\n".join)

    @QUICK
    @given(st.binary() | many.map(lambda text: text.encode(errors="surrogatepass")))
    def run(content: bytes) -> None:
        lines_are_read_or_refused(content)

    fuzz(run)
