"""khala token: a token that cannot work comes with a warning, or not at all."""

import asyncio
import os
from pathlib import Path

import pytest

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from support.postgres.databases import Database
from support.programs.runs import khala, khala_text
from support.relay.client_relay import RUNS, running_relay


async def token(ring: Path, *arguments: str) -> tuple[int, str, str]:
    done = await asyncio.to_thread(
        khala_text,
        *("token", "--org", "acme", "--keyring", str(ring), *arguments),
        env={name: value for name, value in os.environ.items() if "KHALA" not in name},
    )
    return done.returncode, done.stdout, " ".join(done.stderr.split())


async def test_the_relay_is_tried(newest_database: Database, tmp_path: Path) -> None:
    mine, other, foreign = (tmp_path / name for name in ("mine", "other", "foreign"))
    keyring = keys.generate()
    keyring_file.save(keyring, mine)
    keyring_file.save(keys.generate(), other)
    keyring_file.save(keys.generate(audience="another-service"), foreign)
    async with running_relay(newest_database.relay_dsn, keyring) as relay:
        at = ("--http", relay.http, "--topic", RUNS)
        status, good, said = await token(mine, *at)
        assert (status, said) == (0, "")
        assert good.count(".") == 2
        status, _, said = await token(mine, *at, "--topic", "lightning.operate")
        assert (status, said) == (0, "")
        status, _, said = await token(mine, *at, "--topic", "no.such")
        assert status == 0
        assert "does not know the topic no.such" in said
        for ring in (other, foreign):
            status, _, said = await token(ring, *at)
            assert status == 0
            assert "refuses this token: the token is signed with a key" in said
        with newest_database.connect() as connection:
            connection.execute("SELECT khala.revoke('sub', 'ann', 'infinity')")
        while "revoked" not in (await token(mine, *at, "--subject", "ann"))[2]:
            pass
    status, _, said = await token(mine, *at)
    assert "was not tried" in said


async def test_a_token_that_every_relay_refuses_is_not_made(tmp_path: Path) -> None:
    ring = tmp_path / "ring"
    keyring_file.save(keys.generate(), ring)
    status, out, said = await token(ring, "--topic", RUNS, "--ttl", "90d")
    assert (status, out) == (2, "")
    assert "lives for more than 32 days" in said


@pytest.mark.parametrize("option", ["--issuer", "--audience"])
def test_no_keyring_is_made_that_cannot_be_loaded(tmp_path: Path, option: str) -> None:
    ring = tmp_path / "ring.json"
    for more in ([], ["--json"]):
        made = khala("keyring", "new", str(ring), option, "", *more, env=os.environ)
        assert made.returncode == 2
        assert f"{option} is empty".encode() in made.stderr
        assert not ring.exists()
