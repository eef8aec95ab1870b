"""`khala doctor` recognises managed PostgreSQL by planted roles, settings and functions."""

import re
from pathlib import Path

import pytest
from psycopg import sql

from khala_pg.doctor.examine import examine
from khala_pg.doctor.providers import CHECK, PAGE, PROVIDERS, Provider, Sign
from support.postgres.databases import Database

ROOT = Path(__file__).resolve().parents[3]


def told(database: Database) -> list[str]:
    return [each.message for each in examine(database.dsn).findings if each.check == CHECK]


def test_a_server_of_ones_own_has_no_provider(newest_database: Database) -> None:
    assert told(newest_database) == []


_SETTINGS = [
    (provider, sign) for provider in PROVIDERS for sign in provider.signs if sign.kind == "setting"
]


@pytest.mark.parametrize(("provider", "sign"), _SETTINGS, ids=[sign.name for _, sign in _SETTINGS])
def test_settings(newest_database: Database, provider: Provider, sign: Sign) -> None:
    with newest_database.connect() as connection:
        connection.execute(
            sql.SQL("ALTER DATABASE {} SET {} = 'x'").format(
                sql.Identifier(newest_database.name), sql.SQL(sign.name)
            )
        )
    first, *care = told(newest_database)
    assert first == f"{provider.name}, by the setting {sign.name}: {PAGE}#{provider.anchor}"
    assert care == [f"{provider.name}: {sentence}" for sentence in provider.care]


def test_roles_and_functions(own_database: Database) -> None:
    with own_database.connect() as connection:
        for provider in PROVIDERS:
            for sign in provider.signs:
                if sign.kind == "role":
                    name = sql.Identifier(sign.name)
                    connection.execute(sql.SQL("CREATE ROLE {}").format(name))
                    assert told(own_database)[0].startswith(f"{provider.name}, by the role")
                    connection.execute(sql.SQL("DROP ROLE {}").format(name))
        connection.execute("CREATE ROLE rds_superuser")
        connection.execute("SET allow_system_table_mods = on")
        connection.execute(
            "CREATE FUNCTION pg_catalog.aurora_version() RETURNS text LANGUAGE sql"
            " IMMUTABLE AS $$ SELECT '16.4' $$"
        )
    # Aurora has what RDS has.
    assert told(own_database)[0].startswith("Amazon Aurora, by the function aurora_version")


def test_the_page_has_each_provider_and_sign() -> None:
    page = (ROOT / PAGE).read_text("utf-8")
    anchors = {
        heading.lower().replace(" ", "-") for heading in re.findall(r"^## (.+)$", page, re.M)
    }
    for provider in PROVIDERS:
        assert provider.anchor in anchors
        for sign in provider.signs:
            assert f"the {sign.kind} `{sign.name}`" in page
