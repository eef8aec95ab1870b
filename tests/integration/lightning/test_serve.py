"""`khala lightning serve`: the API of the relay, without a relay."""

import json
from typing import Any

import httpx

from khala_pg.auth import api_keys
from khala_pg.lightning.api.operations import DOCUMENT, OPERATORS, OWNERS
from khala_pg.sqlapi import admin
from support.http.control_plane import PAYWALL, SECRET, serving
from support.postgres.databases import Database
from support.relay.asking import bearer


def test_operators_and_owners(newest_database: Database) -> None:
    key = api_keys.generate()
    with newest_database.connect("dba") as connection:
        scopes = ("lightning.paywalls",)
        admin.create_api_key(connection, key, "test", "shop", "ann", scopes, None, None)
    with serving(newest_database.dsn_as("lightning"), SECRET) as process:
        assert process.stdout is not None
        ready: dict[str, Any] = json.loads(process.stdout.readline())
        assert list(ready) == ["ready", "http", "metrics"]
        with httpx.Client(base_url=ready["http"], trust_env=False, timeout=30) as client:
            assert client.get("/readyz").text == "ready\n"
            made = client.post(OWNERS, json=PAYWALL, headers=bearer(str(key)))
            assert made.json()["ok"] is True
            body = {"functionName": "lightning/ops:listPaywallControlPlaneState", "args": {}}
            found = client.post(f"{OPERATORS}/query", json=body, headers=bearer(SECRET))
            assert found.json() == {"ok": True, "paywalls": [made.json()["paywall"]]}
            assert client.post(f"{OPERATORS}/query", json=body).status_code == 401
            assert client.get(DOCUMENT).json()["openapi"] == "3.1.0"
            nothing = client.get("/api/sync/snapshot?topic=lightning.paywalls")
            assert nothing.status_code == 404
            metrics = client.get(ready["metrics"]).text
            assert 'khala_lightning_calls_total{code="ok",function="create_paywall"} 1.0' in metrics
        process.terminate()
        _, log = process.communicate(timeout=60)
        assert process.returncode == 0, log
        assert SECRET not in log
        assert "function=create_paywall code=ok" in log


def test_a_login_without_the_roles_is_not_ready(newest_database: Database) -> None:
    with serving(newest_database.relay_dsn, None) as process:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "serving http=" in line)
        url = line.strip().rpartition("http=")[2]
        assert httpx.get(f"{url}/healthz", trust_env=False, timeout=30).status_code == 200
        answer = httpx.get(f"{url}/readyz", trust_env=False, timeout=30)
        assert (answer.status_code, answer.json()["code"]) == (503, "internal")
        said = next(line for line in process.stderr if "cannot be called" in line)
        assert "permission denied" in said
        answer = httpx.post(f"{url}{OPERATORS}/query", json={}, trust_env=False, timeout=30)
        assert answer.json()["error"]["code"] == "ops_secret_unconfigured"
