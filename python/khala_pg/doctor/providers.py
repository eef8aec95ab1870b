"""Recognition of managed PostgreSQL, and what needs care there.

The signs are those that the providers' documents name. No test of Khala runs at a provider:
docs/howto/managed-postgres.md says so, and more.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import psycopg

from khala_pg.doctor.finding import Finding, ok

CHECK = "provider"
PAGE = "docs/howto/managed-postgres.md"


@dataclass(frozen=True)
class Sign:
    """Role, setting or function of pg_catalog that one provider's servers have."""

    kind: Literal["role", "setting", "function"]
    name: str


@dataclass(frozen=True)
class Provider:
    """A provider. anchor: its section of the page; care: a sentence each."""

    name: str
    anchor: str
    signs: tuple[Sign, ...]
    care: tuple[str, ...]


# What has the signs of another one as well comes before it.
PROVIDERS = (
    Provider(
        "Supabase",
        "supabase",
        (Sign("role", "supabase_admin"),),
        (
            "a relay listens on the direct connection or the pooler's session mode, not on port "
            "6543",
            "the direct connection has IPv6 only, unless IPv4 was added",
        ),
    ),
    Provider(
        "Neon",
        "neon",
        (Sign("role", "neon_superuser"), Sign("setting", "neon.tenant_id")),
        (
            "a relay listens on the host without -pooler",
            "a compute that scales to zero ends a relay's connection, and runs no pg_cron",
            "make logins in SQL, as members of the group roles",
        ),
    ),
    Provider(
        "Amazon Aurora",
        "amazon-rds-and-aurora",
        (Sign("function", "aurora_version"),),
        (
            "a relay uses the writer endpoint, and never RDS Proxy for LISTEN",
            "pg_cron needs shared_preload_libraries, and stands in the database postgres",
        ),
    ),
    Provider(
        "Amazon RDS",
        "amazon-rds-and-aurora",
        (Sign("role", "rds_superuser"), Sign("setting", "rds.extensions")),
        (
            "a relay connects to the instance, and never to RDS Proxy for LISTEN",
            "pg_cron needs shared_preload_libraries, and stands in the database postgres",
        ),
    ),
    Provider(
        "Google Cloud SQL",
        "google-cloud-sql",
        (Sign("role", "cloudsqlsuperuser"), Sign("setting", "cloudsql.iam_authentication")),
        (
            "a relay connects to the instance or the Auth Proxy, not to managed connection pooling",
            "pg_cron needs the flag cloudsql.enable_pg_cron",
        ),
    ),
    Provider(
        "Azure Database for PostgreSQL",
        "azure-database-for-postgresql",
        (Sign("role", "azure_pg_admin"), Sign("setting", "azure.extensions")),
        (
            "a relay listens on port 5432: PgBouncer on 6432 is in transaction mode",
            "pg_cron has to be in azure.extensions and shared_preload_libraries",
        ),
    ),
)

_HAS = {
    "role": "SELECT EXISTS (SELECT FROM pg_roles AS r WHERE r.rolname = %s)",
    "setting": "SELECT current_setting(%s, TRUE) IS NOT NULL",
    "function": "SELECT EXISTS (SELECT FROM pg_proc AS p WHERE p.proname = %s"
    " AND p.pronamespace = 'pg_catalog'::regnamespace)",
}


def check_provider(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Names the provider whose server this is, if one is recognised, and what needs care."""
    for provider in PROVIDERS:
        for sign in provider.signs:
            if connection.execute(_HAS[sign.kind], (sign.name,)).fetchone() == (True,):
                yield ok(
                    CHECK,
                    f"{provider.name}, by the {sign.kind} {sign.name}: {PAGE}#{provider.anchor}",
                )
                for sentence in provider.care:
                    yield ok(CHECK, f"{provider.name}: {sentence}")
                return
