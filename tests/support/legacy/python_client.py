"""Process that speaks to the stand-in with PyPI `convex`, and prints a report of what it got.

Arguments: http or socket, URL, admin key, bearer token. npm_client.mjs does the same.
"""

import json
import sys
from collections.abc import Callable
from typing import Any

from convex import ConvexClient, ConvexError
from convex.http_client import ConvexHttpClient
from convex.values import convex_to_json, json_to_convex


def failure(
    call: Callable[[str, dict[str, Any]], Any], path: str, decode: Callable[[Any], Any]
) -> dict[str, Any]:
    """What a call raises."""
    try:
        call(path, {})
    except ConvexError as error:
        # The client over HTTP leaves an error's data encoded.
        return {"message": str(error), "data": decode(error.data)}
    except Exception as error:
        return {"message": str(error)}
    raise AssertionError(f"{path} was expected to fail")


def main() -> None:
    kind, url, admin_key, token = sys.argv[1:]

    def fails(call: Callable[[str, dict[str, Any]], Any], path: str) -> dict[str, Any]:
        return failure(call, path, json_to_convex if kind == "http" else lambda data: data)

    def connect() -> Any:
        return ConvexHttpClient(url) if kind == "http" else ConvexClient(url)

    client = connect()
    client.set_admin_auth(admin_key)
    run = {"document_id": "runtime/run_summary:r1"}
    summary = {"latest_seq": 3, "status": "running", "progress": {"done": 0.25}}
    report = {
        "values": client.mutation("tests:echo", client.query("tests:values")),
        "who": client.query("tests:who"),
        "upserted": client.mutation("runtime:upsertRunSummary", {**run, "summary": summary}),
        "stored": client.query("runtime:getRunSummary", run),
        "missing": client.query("runtime:getRunSummary", {"document_id": "none"}),
        "refused_mutation": fails(client.mutation, "tests:refuse"),
        "refused_query": fails(client.query, "tests:refuse"),
        "failed": fails(client.mutation, "tests:fail"),
        "unknown": fails(client.query, "tests:unknown"),
    }
    if kind == "socket":
        updates = client.subscribe("runtime:getRunSummary", run)
        report["before"] = next(updates)
        later = {**summary, "latest_seq": 4}
        client.mutation("runtime:upsertRunSummary", {**run, "summary": later})
        report["after"] = next(updates)
    else:
        report["unavailable"] = fails(client.mutation, "tests:unavailable")
        stranger = connect()
        stranger.set_admin_auth("another")
        report["stranger"] = fails(stranger.query, "tests:who")
    user = connect()
    user.set_auth(token)
    report["user"] = user.query("tests:who")
    print(json.dumps(convex_to_json(report)))


main()
