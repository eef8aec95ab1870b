#!/usr/bin/env python3
"""Write docs/reference/http-operations.md from the OpenAPI documents of a relay.

scripts/http_doc.py            write it
scripts/http_doc.py --check    fail if it is out of date
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from khala_pg.http.sync import openapi as sync
from khala_pg.lightning.api import openapi as lightning
from khala_pg.page import openapi as page
from khala_pg.workers import openapi as workers

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "reference" / "http-operations.md"

_INTRODUCTION = """\
# Operations over HTTP

<!-- Written by scripts/http_doc.py (make limits): change the operations there, not here. -->

Every operation of a relay, from the OpenAPI 3.1 documents that it serves. A parameter or field in
bold is required. [The HTTP API](http.md),
[runs and codex workers](runtime.md#runs-and-codex-workers-over-http),
[the admin page](admin-page.md) and [Lightning](lightning.md) say what they mean.
"""
# Those that every operation takes.
_COMMON = {"X-Request-Id", "If-None-Match", "Idempotency-Key"}


def names(each: Mapping[str, bool]) -> str:
    """Names as code, those that are required in bold."""
    return ", ".join(f"**`{name}`**" if needed else f"`{name}`" for name, needed in each.items())


def resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    found: Mapping[str, Any] = document["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def fields(document: Mapping[str, Any], holder: Mapping[str, Any] | None) -> str:
    """Fields of the JSON of a request or of a response."""
    content = ((holder or {}).get("content") or {}).get("application/json")
    if content is None:
        return ""
    schema = resolved(document, content["schema"])
    required = schema.get("required", ())
    return names({name: name in required for name in schema.get("properties", {})})


def rows(document: Mapping[str, Any]) -> Iterator[list[str]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            responses: Mapping[str, Any] = operation["responses"]
            parameters = {
                each["name"]: each.get("required", False)
                for each in operation.get("parameters", ())
                if each["in"] == "query" and each["name"] not in _COMMON
            }
            success = next(each for status, each in responses.items() if status[0] == "2")
            deprecated = " (deprecated)" if operation.get("deprecated") else ""
            yield [
                f"`{method.upper()} {path}`{deprecated}",
                operation["summary"],
                names(parameters),
                fields(document, operation.get("requestBody")),
                fields(document, success),
                ", ".join(responses),
            ]


def section(document: Mapping[str, Any]) -> str:
    """A table of one API."""
    head = ("operation", "what it does", "query", "body", "response", "statuses")
    lines = [head, ("---",) * len(head), *rows(document)]
    title = document["info"]["title"].removeprefix("Khala: ")
    described = document["info"]["description"].removeprefix("Served at ").rstrip(".")
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return f"## {title[0].upper()}{title[1:]}\n\n`GET {described}`\n\n{table}\n"


def main() -> None:
    apis = (sync, workers, page, lightning)
    text = "\n".join([_INTRODUCTION, *(section(each.document()) for each in apis)])
    if sys.argv[1:] != ["--check"]:
        DOCUMENT.write_text(text, encoding="utf-8")
    elif not DOCUMENT.exists() or DOCUMENT.read_text("utf-8") != text:
        sys.exit(f"{DOCUMENT} is out of date: run make limits")


if __name__ == "__main__":
    main()
