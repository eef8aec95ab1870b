"""Opening requests: version, token in either place, and a clear answer to each refusal."""

import base64
from http import HTTPStatus

import pytest

from khala_pg.auth.claims import Claims, TokenError
from khala_pg.relay.opening import handshake
from khala_pg.relay.opening.handshake import HandshakeError

NOW = 1_700_000_000.0
CLAIMS = Claims("me", "org-a", ("a",), 0, 0, int(NOW) + 60, "jti")
TOKEN = "header.payload~.signature-_"


async def verify(token: str) -> Claims:
    if token == "expired":
        return Claims("me", "org-a", (), 0, 0, int(NOW), "jti")
    if token != TOKEN:
        raise TokenError("the token is not valid")
    return CLAIMS


async def open_socket(target: str, *subprotocols: str) -> Claims:
    request = handshake.read(target, handshake.split_subprotocols(subprotocols))
    return await handshake.authenticate(request, verify, NOW)


@pytest.mark.parametrize("path", ["/socket/websocket", "/sync/websocket"])
async def test_token_in_the_query(path: str) -> None:
    assert await open_socket(f"{path}?vsn=2.0.0&token={TOKEN}") == CLAIMS


async def test_token_among_the_subprotocols_in_either_alphabet() -> None:
    plain = base64.b64encode(TOKEN.encode()).decode()
    url_safe = base64.urlsafe_b64encode(TOKEN.encode()).decode()
    assert "+" in plain
    assert "-" in url_safe
    for encoded in (plain, plain.rstrip("="), url_safe.rstrip("=")):
        offered = f"phoenix, base64url.bearer.phx.{encoded}"
        assert await open_socket("/socket/websocket?vsn=2.0.0", offered) == CLAIMS
        two = (f"base64url.bearer.phx.{encoded}", " phoenix")
        assert await open_socket("/socket/websocket?vsn=2.0.0", *two) == CLAIMS


@pytest.mark.parametrize("query", ["", "vsn=1.0.0", "vsn=3.0.0", "vsn=2", "vsn=", "vsn=20.0"])
async def test_other_versions_are_refused(query: str) -> None:
    with pytest.raises(HandshakeError) as refused:
        await open_socket(f"/socket/websocket?token={TOKEN}&{query}")
    refusal = refused.value
    assert refusal.status == HTTPStatus.FORBIDDEN
    assert refusal.code == "unsupported_version"
    assert "vsn=2.0.0" in str(refusal)


@pytest.mark.parametrize(
    ("query", "offered"),
    [
        ("", ()),
        ("&token=", ()),
        ("&token=wrong", ()),
        ("&token=expired", ()),
        ("", ("phoenix",)),
        ("", ("phoenix", "base64url.bearer.phx.")),
        ("", ("phoenix", "base64url.bearer.phx.!")),
        ("", ("phoenix", "base64url.bearer.phx._w")),
    ],
)
async def test_without_a_good_token_no_socket(query: str, offered: tuple[str, ...]) -> None:
    with pytest.raises(HandshakeError) as refused:
        await open_socket(f"/socket/websocket?vsn=2.0.0{query}", *offered)
    refusal = refused.value
    assert refusal.status == HTTPStatus.FORBIDDEN
    assert refusal.code == "unauthorized"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/", HTTPStatus.NOT_FOUND),
        ("/socket/websocket/?vsn=2.0.0", HTTPStatus.NOT_FOUND),
        (f"/socket/websocket?vsn=2.0.0&token={TOKEN}&token=b", HTTPStatus.BAD_REQUEST),
        ("//[", HTTPStatus.BAD_REQUEST),
        ("/socket/websocket?token=%ff", HTTPStatus.BAD_REQUEST),
        ("/socket/websocket?" + "a=b&" * 40, HTTPStatus.BAD_REQUEST),
        (f"/socket/websocket?vsn=2.0.0&encoding=xml&token={TOKEN}", HTTPStatus.FORBIDDEN),
    ],
)
async def test_other_requests_are_refused(target: str, status: HTTPStatus) -> None:
    with pytest.raises(HandshakeError) as refused:
        await open_socket(target)
    refusal = refused.value
    assert refusal.status == status
    assert TOKEN not in repr(refusal)


def test_the_token_does_not_show() -> None:
    request = handshake.read(f"/socket/websocket?vsn=2.0.0&token={TOKEN}", [])
    assert request.token == TOKEN
    assert TOKEN not in repr(request)
