"""Waiting for a document to come over a relay's WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from khala_pg.client import EndpointProvider, KhalaClient, Start
from khala_pg.concurrency.waiting import within
from khala_pg.lightning.operations.errors import OpsError

TOPIC = "lightning.settlements"
_HINT = (
    "Check the relay's address, and that the token is for lightning.settlements and the paywall's"
    " organisation: `khala tail lightning.settlements` shows what it may see."
)


@asynccontextmanager
async def watching(
    endpoint: EndpointProvider | None, doc_key: str, limit_s: float
) -> AsyncIterator[None]:
    """Ends once the document was seen, or is there already. endpoint: None watches nothing.

    Raises OpsError when it is not seen in time, and what the client raises.
    """
    if endpoint is None:
        yield
        return

    def late(message: str) -> OpsError:
        status = client.status
        why = f": {status.error}" if status.error is not None else ""
        return OpsError("not_seen_live", f"{message} ({status.state.value}{why})", _HINT)

    client = KhalaClient(endpoint, [TOPIC], start=Start(snapshot=True), compact=False)
    async with client:
        await within(client.caught_up(), limit_s, late, f"following {TOPIC}")
        seen = asyncio.create_task(_seen(client, doc_key))
        try:
            yield
            await within(seen, limit_s, late, f"waiting for {doc_key}")
        finally:
            seen.cancel()


async def _seen(client: KhalaClient, doc_key: str) -> None:
    changes = client.changes()
    if doc_key in client.documents(TOPIC):
        return
    async for _ in changes:
        if doc_key in client.documents(TOPIC):
            return
