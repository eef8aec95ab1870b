"""Prints the orders of a user as they change: `python -m examples.fastapi.follow acme/ann`.

KHALA_APP is the address of app.py, which gives that of the relay.
"""

import asyncio
import os
import sys

import httpx

from khala_pg.client import Endpoint, KhalaClient


async def main(user: str) -> None:
    app = os.environ.get("KHALA_APP", "http://127.0.0.1:8000")
    async with httpx.AsyncClient(base_url=app, headers={"X-User": user}) as http:

        async def endpoint() -> Endpoint:
            """Called for each connection, and before a token expires."""
            answer = (await http.get("/khala-token")).raise_for_status()
            return Endpoint(**answer.json())

        async with KhalaClient(endpoint, ["shop.orders"]) as khala:
            async for change in khala.changes():
                document = change.document
                print(change.doc_key, document.payload if document else "is gone", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
