"""The SQL of the documents runs as it stands there."""

import re
from pathlib import Path

import pytest

from support.postgres.databases import Database

DOCS = Path(__file__).resolve().parents[3] / "docs"
# What the reader has: a table of orders, in the place of the application's own.
READERS_OWN = """
    CREATE TABLE orders (id bigint PRIMARY KEY, customer text, state text, version bigint,
        org_id text);
    INSERT INTO orders VALUES (1, 'acme', 'new', 1, 'acme');
    CREATE ROLE app;
"""


@pytest.mark.parametrize(
    "documents",
    [
        ["reference/sql.md", "howto/retention.md"],
        ["reference/runtime.md"],
        ["howto/attach.md"],
        ["howto/first-topic.md"],
        ["reference/sql.md", "howto/forget.md"],
        ["sync/TRACING.md"],
    ],
    ids=lambda documents: str(documents[-1]),
)
def test_statements(database: Database, documents: list[str]) -> None:
    with database.connect() as connection:
        connection.execute(READERS_OWN)
        for document in documents:
            text = (DOCS / document).read_text("utf-8")
            blocks = re.findall(r"^```sql\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
            assert blocks, document
            for block in blocks:
                connection.execute(block.encode())
        connection.execute("DROP ROLE app")
