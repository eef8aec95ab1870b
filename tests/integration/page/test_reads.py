"""What administrators read, and whose documents each token shows them."""

import pytest

from khala_pg.page.operations import OPERATIONS, READS
from support.http.page_api import PageApi, keys, page_api
from support.postgres.databases import Database
from support.relay.relays import NOTES, RUNS

WHOLE = ("relays", "activity", "retention", "publishers", "parity", "flags")
QUERIES: dict[str, dict[str, str | int]] = {
    "documents": {"topic": NOTES},
    "history": {"topic": NOTES, "doc_key": "a1"},
}


def fill(api: PageApi) -> None:
    owned = [("a1", "acme"), ("a2", "acme"), ("b1", "beta"), ("p1", None)]
    api.sink(NOTES, *owned, ("a1", "beta"), ("a1", "acme"))


async def test_only_with_the_scope(database: Database) -> None:
    async with page_api(database) as api:
        fill(api)
        names = [each.path.removeprefix(f"{READS}/") for each in OPERATIONS]
        assert len(names) == 10
        for name in names:
            query = QUERIES.get(name, {})
            assert (await api.read(name, None, **query)).status_code == 401, name
            for scopes in ((NOTES, "runtime.operate", "lightning.operate"), ("khala.admin.all",)):
                headers = api.signed("acme", *scopes)
                response = await api.read(name, headers, **query)
                assert response.status_code == 403, name
                assert response.json()["error"]["code"] == "forbidden_scope"
            headers = api.signed("acme", "khala.admin", "khala.admin.all")
            assert (await api.read(name, headers, **query)).status_code == 200, name


async def test_a_token_of_one_organisation(database: Database) -> None:
    async with page_api(database) as api:
        fill(api)
        await api.sign_in("acme")
        token = await api.token("acme")
        for name in WHOLE:
            response = await api.read(name, token)
            assert response.status_code == 403, name
            assert response.json()["error"]["code"] == "forbidden_organisation"
        assert keys(await api.found("documents", token, topic=NOTES)) == ["a1", "a2", "p1"]
        own = await api.found("documents", token, topic=NOTES, org_id="acme")
        assert keys(own) == ["a1", "a2"]
        other = await api.read("documents", token, topic=NOTES, org_id="beta")
        assert other.status_code == 403
        history = await api.found("history", token, topic=NOTES, doc_key="a1")
        assert [each["org_id"] for each in history["versions"]] == ["acme", "acme"]
        history = await api.found("history", token, topic=NOTES, doc_key="b1")
        assert history["versions"] == []
        found = await api.found("organisations", token)
        assert [each["org_id"] for each in found["organisations"]] == ["acme"]
        [notes] = [t for t in (await api.found("topics", token))["topics"] if t["topic"] == NOTES]
        assert (notes["documents"], notes["journal_bytes"], notes["subscribers"]) == (3, None, None)


async def test_a_token_of_all_organisations(database: Database) -> None:
    async with page_api(database) as api:
        fill(api)
        with database.connect("runtime") as connection:
            connection.execute("SELECT khala.sink_delete(%s, 'a2', NULL)", (NOTES,))
        await api.sign_in()
        for token in (await api.token(), await api.token("beta")):
            page = await api.found("documents", token, topic=NOTES)
            assert keys(page) == ["a1", "a2", "b1", "p1"]
            assert [each["deleted"] for each in page["documents"]] == [False, True, False, False]
            assert page["documents"][0]["payload"] == {"key": "a1"}
            bare = await api.found("documents", token, topic=NOTES, payload="false", limit=10000)
            assert [each["payload"] for each in bare["documents"]] == [None] * 4
            public = await api.found("documents", token, topic=NOTES, org_id="")
            assert keys(public) == ["p1"]
            found = await api.found("organisations", token)
            assert found == {
                "organisations": [
                    {"org_id": "acme", "documents": 1, "documents_at_least": False},
                    {"org_id": "beta", "documents": 1, "documents_at_least": False},
                ],
                "complete": True,
            }
            history = await api.found("history", token, topic=NOTES, doc_key="a1")
            versions = [(each["doc_version"], each["org_id"]) for each in history["versions"]]
            assert versions == [(3, "acme"), (2, "beta"), (1, "acme")]


async def test_pages(newest_database: Database) -> None:
    async with page_api(newest_database) as api:
        api.sink(NOTES, *((f"k{n:02}", "acme") for n in range(25)))
        api.sink(NOTES, *(("k03", "acme") for _ in range(9)))
        await api.sign_in()
        token = await api.token()
        seen: list[str] = []
        query: dict[str, str | int] = {"topic": NOTES, "prefix": "k1", "limit": 4}
        while True:
            page = await api.found("documents", token, **query)
            seen += keys(page)
            if page["next"] is None:
                break
            query["after"] = page["next"]
        assert seen == [f"k1{n}" for n in range(10)]
        versions: list[int] = []
        query = {"topic": NOTES, "doc_key": "k03", "limit": 4}
        while True:
            page = await api.found("history", token, **query)
            versions += [each["doc_version"] for each in page["versions"]]
            if page["next"] is None:
                break
            query["before"] = page["next"]
        assert versions == list(range(10, 0, -1))


async def test_a_purged_history_has_the_version_of_now(newest_database: Database) -> None:
    async with page_api(newest_database) as api:
        api.sink(NOTES, ("a", "acme"), ("a", "acme"), ("b", "acme"))
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.retain(%s, now() + interval '30 days')", (NOTES,))
        await api.sign_in()
        page = await api.found("history", await api.token(), topic=NOTES, doc_key="a")
        assert [(each["doc_version"], each["payload"]) for each in page["versions"]] == [
            (2, {"key": "a"})
        ]
        assert (page["retention_floor"], page["next"]) == (4, None)


async def test_pointer_mode_has_the_payload_of_now(newest_database: Database) -> None:
    async with page_api(newest_database) as api:
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.set_topic(%s, p_payload_mode => 'pointer')", (NOTES,))
        api.sink(NOTES, ("a", "acme"), ("a", "beta"))
        await api.sign_in()
        page = await api.found("history", await api.token(), topic=NOTES, doc_key="a")
        assert [each["payload"] for each in page["versions"]] == [{"key": "a"}, None]


@pytest.mark.parametrize(
    ("name", "query", "status"),
    [
        ("documents", {}, 422),
        ("documents", {"topic": "no.such"}, 404),
        ("documents", {"topic": RUNS, "limit": 0}, 422),
        ("documents", {"topic": RUNS, "limit": "x"}, 422),
        ("documents", {"topic": RUNS, "payload": "no"}, 422),
        ("documents", {"topic": RUNS, "after": "a\x00"}, 422),
        ("history", {"topic": RUNS}, 422),
        ("history", {"topic": RUNS, "doc_key": "a", "before": "-1"}, 422),
        ("history", {"topic": RUNS, "doc_key": "a", "limit": 201}, 422),
        ("history", {"topic": "no.such", "doc_key": "a"}, 404),
        ("activity", {"topic": "no.such"}, 404),
    ],
    ids=str,
)
async def test_bad_queries(
    newest_database: Database, name: str, query: dict[str, str | int], status: int
) -> None:
    async with page_api(newest_database) as api:
        headers = api.signed("acme", "khala.admin", "khala.admin.all")
        response = await api.read(name, headers, **query)
        assert response.status_code == status, response.text
        assert set(response.json()["error"]) >= {"code", "message"}
