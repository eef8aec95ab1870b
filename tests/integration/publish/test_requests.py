"""Requests to the legacy backend are those of its official client."""

import json
from typing import Any

import pytest
from convex.http_client import ConvexHttpClient

from khala_pg.publish.convex import judged, request_body
from khala_pg.publish.http import Response
from support.legacy.values import decode

SUMMARY: dict[str, Any] = {
    "latest_seq": 3,
    "progress": {"done": 0.25, "é".encode().hex(): 'é \U0001f600 " \\ \n'},
    "list": [1, 2.5, None, True, False, "", [], {}],
    "large": 2**53,
    "negative": -7,
}


def test_the_body_is_that_of_the_official_client(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[bytes] = []

    def post(url: str, json: Any, headers: Any) -> Any:
        import requests

        request = requests.Request("POST", url, json=json, headers=headers).prepare()
        assert isinstance(request.body, bytes)
        sent.append(request.body)
        raise ConnectionError

    monkeypatch.setattr("convex.http_client.requests.post", post)
    args: dict[str, Any] = {"document_id": "r", "summary": SUMMARY}
    with pytest.raises(ConnectionError):
        ConvexHttpClient("http://127.0.0.1:1").mutation("runtime:upsertRunSummary", args)
    assert sent == [request_body("runtime:upsertRunSummary", args)]


def test_integers_beyond_doubles() -> None:
    numbers = {"a": 2**53 + 2, "b": -(2**63), "c": 2**63, "d": 10**300}
    found = decode(json.loads(request_body("p", numbers))["args"])
    assert found == {"a": 2**53 + 2, "b": -(2**63), "c": float(2**63), "d": 1e300}
    assert [type(each) for each in found.values()] == [int, int, float, float]


@pytest.mark.parametrize("name", ["é", "$a", "a\n"])
def test_what_has_no_encoding_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="ield name"):
        request_body("p", {"summary": {name: 1}})


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, '{"status": "success", "value": null}', "delivered"),
        (200, '{"status": "error", "errorMessage": "no", "errorData": 1}', "refused"),
        (560, '{"status": "error", "errorMessage": "no"}', "refused"),
        (
            200,
            '{"status": "error", "errorMessage": "InternalServerError"}',
            "failed",
        ),
        (200, "<html>", "failed"),
        (302, "", "failed"),
        (400, '{"code": "BadJsonBody", "message": "no"}', "refused"),
        (401, '{"code": "Unauthorized", "message": "no"}', "failed"),
        (404, "", "failed"),
        (413, "", "refused"),
        (429, "", "failed"),
        (503, '{"code": "Overloaded", "message": "later"}', "failed"),
    ],
)
def test_responses(status: int, body: str, outcome: str) -> None:
    result = judged(Response(status, body.encode(), "3"))
    assert result.outcome == outcome
    assert outcome == "delivered" or result.error
    if outcome == "failed" and "InternalServer" not in body:
        assert result.retry_after_s == 3
