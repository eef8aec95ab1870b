"""The admin page's API, as the page calls it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from khala_pg.page.operations import READS
from khala_pg.page.sessions import PATH
from khala_pg.sqlapi import page_sessions
from support.postgres.databases import Database
from support.relay.asking import bearer, http
from support.relay.relays import RunningRelay, ready_relay, running_relay


@dataclass
class PageApi:
    """A relay that serves the API, and a client of its HTTP side, which keeps cookies."""

    running: RunningRelay
    client: httpx.AsyncClient
    database: Database
    links: int = 0

    def link(self, *org_ids: str, person: str | None = None) -> str:
        """The code of a fresh link, for these organisations or for any."""
        self.links += 1
        code = f"code-{self.links}"
        with self.database.connect("dba") as connection:
            page_sessions.create_link(connection, code, org_ids or None, None, person)
        return code

    async def post(self, path: str, body: Any = None, **headers: str) -> httpx.Response:
        return await self.client.post(f"{PATH}/{path}", json=body, headers=headers)

    async def session(self, **headers: str) -> httpx.Response:
        return await self.client.get(f"{PATH}/session", headers=headers)

    async def sign_in(self, *org_ids: str, person: str | None = None) -> dict[str, Any]:
        """A session, whose cookie the client keeps."""
        response = await self.post("sign-in", {"code": self.link(*org_ids, person=person)})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def token(self, org_id: str | None = None) -> dict[str, str]:
        """Headers with a token of the session."""
        response = await self.post("token", {"org_id": org_id})
        assert response.status_code == 200, response.text
        return bearer(response.json()["token"])

    async def read(
        self, name: str, headers: dict[str, str] | None = None, **query: str | int
    ) -> httpx.Response:
        return await self.client.get(f"{READS}/{name}", params=query, headers=headers)

    async def found(self, name: str, headers: dict[str, str], **query: str | int) -> Any:
        """The result of a read that succeeds."""
        response = await self.read(name, headers, **query)
        assert response.status_code == 200, response.text
        return response.json()

    def signed(self, org_id: str, *scopes: str) -> dict[str, str]:
        """Headers with a token that no session issued."""
        return bearer(self.running.token(org_id, scopes))

    def sink(self, topic: str, *documents: tuple[str, str | None]) -> None:
        """Documents {"key": key}, each with its key and owner."""
        with self.database.connect("runtime") as connection:
            for key, owner in documents:
                connection.execute(
                    "SELECT khala.sink(%s, %s, NULL, jsonb_build_object('key', %s::text), %s)",
                    (topic, key, key, owner),
                )


@asynccontextmanager
async def page_api(database: Database, /, **more: Any) -> AsyncIterator[PageApi]:
    async with running_relay(database, http_port=0, **more) as running:
        await ready_relay(running)
        async with http(running, timeout=30) as client:
            yield PageApi(running, client, database)


def keys(page: dict[str, Sequence[dict[str, Any]]]) -> list[str]:
    return [each["doc_key"] for each in page["documents"]]
