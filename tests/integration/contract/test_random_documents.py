"""10,000 random documents: our SQL, rfc8785 from PyPI and canonicalize from npm agree on each.

canonicalize is asked where Node and the packages of typescript/khala-client are there.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import rfc8785

from support.postgres.databases import Database
from support.trials.random_documents import document
from support.trials.seeds import choose_seed, stream

COUNT = 10_000
NODE_PACKAGE = (
    Path(__file__).resolve().parents[3] / "typescript/khala-client/node_modules/canonicalize"
)
_NODE = """
const { readFileSync } = require("node:fs");
const loaded = require(process.argv[1]);
const canonicalize = loaded.default ?? loaded;
const texts = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(texts.map((text) => canonicalize(JSON.parse(text)))));
"""


def npm_canonical(texts: list[str]) -> list[str] | None:
    """What canonicalize makes of each; None where it cannot run."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    node = shutil.which("node", path=path)
    if node is None or not NODE_PACKAGE.exists():
        assert not os.environ.get("CI"), "CI has Node, and the packages (npm ci)"
        return None
    done = subprocess.run(
        [node, "-e", _NODE, str(NODE_PACKAGE)],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=True,
    )
    made: list[str] = json.loads(done.stdout)
    return made


@pytest.mark.slow
def test_all_three_agree(database: Database) -> None:
    source = stream(choose_seed(), "documents")
    documents = [document(source, plain=number % 2 == 0) for number in range(COUNT)]
    texts = [json.dumps(each) for each in documents]
    # A whole number in a float is one to rfc8785 as well, which refuses large ones that are not.
    published = [rfc8785.dumps(each).decode() for each in documents]
    with database.connect() as connection:
        rows = connection.execute(
            "SELECT khala.canonical_json(t.text::jsonb),"
            " khala_internal.canonical_json(t.text::jsonb),"
            " khala_internal.is_plain_json(t.text::jsonb::text)"
            " FROM unnest(%s::text[]) WITH ORDINALITY AS t (text, n) ORDER BY t.n",
            (texts,),
        ).fetchall()
    for text, expected, row in zip(texts, published, rows, strict=True):
        assert row[:2] == (expected,) * 2, text
    # Neither way of writing an object goes without documents.
    assert COUNT / 4 < sum(plain for *_, plain in rows) < COUNT * 3 / 4
    npm = npm_canonical(texts)
    if npm is None:
        pytest.skip("no Node, or no packages in typescript/khala-client: npm was not asked")
    assert npm == published
