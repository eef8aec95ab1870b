"""The requests of docs/reference/lightning.md, sent as they stand there."""

import json
import re
from pathlib import Path
from typing import Any

from khala_pg.lightning.api.operations import FUNCTIONS
from support.control_plane import SECRET, control_plane
from support.databases import Database

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs/reference/lightning.md").read_text("utf-8")
BLOCK = re.compile(r"^```(http|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: timeless(each) for key, each in value.items() if not key.endswith("AtMs")}
    return value


async def test_requests_and_responses(newest_database: Database) -> None:
    blocks = BLOCK.findall(DOCUMENT)
    assert len([kind for kind, _ in blocks if kind == "http"]) >= 6
    async with control_plane(newest_database) as plane:
        key = plane.make_key("ann", "lightning.paywalls")["Authorization"].split()[1]
        token = plane.running.token("operators", ("lightning.operate",), subject="ann")
        body: Any = None
        for kind, block in blocks:
            text = block.replace("<secret>", SECRET).replace("<key>", key).replace("<token>", token)
            if kind == "json":
                assert timeless(body) == timeless(json.loads(text))
                continue
            head, _, content = text.partition("\n\n")
            first, *lines = head.splitlines()
            method, path = first.split()
            headers = dict(line.split(": ", 1) for line in lines)
            answer = await plane.client.request(method, path, headers=headers, content=content)
            assert answer.status_code == 200, (first, answer.text)
            body = answer.json()


def test_every_function_is_documented() -> None:
    for function in FUNCTIONS:
        kind = "mutation" if function.is_mutation else "query"
        assert f"| `{function.name}` | {kind} |" in DOCUMENT
