"""The client on the binary lane: the same documents as on the other, whatever happens to them."""

import json
from typing import Any

from khala_pg.client import KhalaClient
from support.postgres.databases import Database
from support.relay.client_relay import NOTES, ORG, RUNS, SOON, running_relay, sink
from support.trials.waiting import until


def documents(client: KhalaClient) -> dict[str, Any]:
    return {
        topic: {
            key: (d.doc_version, d.payload_hash, d.payload)
            for key, d in client.documents(topic).items()
        }
        for topic in (RUNS, NOTES)
    }


async def test_both_lanes_keep_the_same_documents(database: Database) -> None:
    with database.connect("runtime") as connection:
        for n in range(300):
            payload = {"n": n, "text": "naïve \U0001f600", "f": 1e-7}
            connection.execute(
                "SELECT khala.sink(%s, %s, %s, %s::jsonb, %s)",
                (RUNS, f"d{n % 7}", n + 1, json.dumps(payload), ORG),
            )
    sink(database, "d0", 1000, None)
    sink(database, "large", 1, {"text": "x" * 300 * 1024})
    async with (
        running_relay(database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS, NOTES], backoff=SOON) as text,
        KhalaClient(relay.endpoint, [RUNS, NOTES], backoff=SOON, encoding="protobuf") as binary,
    ):
        await text.caught_up()
        await binary.caught_up()
        assert documents(text) == documents(binary)
        sink(database, "d1", 1000, {"big": 10**20})
        sink(database, "d2", 1000, None)
        sink(database, "large", 2, {"text": "y" * 300 * 1024})
        sink(database, "note", 1, {"to": "all"}, topic=NOTES, org=None)

        def arrived() -> bool:
            known = documents(binary)
            return (
                known[RUNS]["d1"][2] == {"big": 10**20}
                and "d2" not in known[RUNS]
                and known[RUNS]["large"][0] == 2
                and "note" in known[NOTES]
                and known[NOTES]["note"][2] == {"to": "all"}
                and known == documents(text)
            )

        await until(arrived, "both have the live updates")
