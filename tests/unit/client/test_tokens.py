"""The organisation that a token names, read without verifying it."""

import pytest

from khala_pg.auth import keyring as keys
from khala_pg.client import Endpoint
from khala_pg.client.tokens import Tokens


@pytest.mark.parametrize("org", ["acme", "a~b?c>", "Ünïon"])
async def test_the_organisation_of_a_token(org: str) -> None:
    token = keys.sign_token(keys.generate(), org_id=org, scopes=[], ttl_s=60, subject="s")
    tokens = Tokens(lambda: Endpoint("ws://h", token))
    await tokens.endpoint()
    assert tokens.organisation == org


@pytest.mark.parametrize("token", ["opaque", "a.b.c", "a.e30.c"])
async def test_a_token_that_names_none(token: str) -> None:
    tokens = Tokens(lambda: Endpoint("ws://h", token))
    await tokens.endpoint()
    assert tokens.organisation == ""
